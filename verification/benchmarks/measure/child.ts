import { readFileSync } from 'node:fs';
import { OwnedProcess } from '../../../libs/testing/src/stack/owned-process.ts';
import { parseStat } from './process-tree.ts';

export interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly logFile: string;
}

/** A process that is measured: what it has used, and a stop that leaves nothing behind. */
export class Child {
  readonly name: string;
  readonly #process: OwnedProcess;

  constructor({ name, env = {}, ...options }: ChildOptions) {
    this.name = name;
    this.#process = OwnedProcess.start({ ...options, env: { ...process.env, ...env } });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** User and system time so far. */
  cpuSeconds(): number {
    return parseStat(this.#proc('stat')).ownMs / 1_000;
  }

  residentMiB(): number {
    return memoryOf(this.#proc('status'), 'VmRSS');
  }

  peakMiB(): number {
    return memoryOf(this.#proc('status'), 'VmHWM');
  }

  /** Throws with the end of its log when the process has ended by itself. */
  assertAlive(): void {
    const { exit } = this.#process;
    if (exit !== undefined)
      throw new Error(`${this.name} ended while it was measured (${exit}): ${this.#process.logTail(6)}`);
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }

  kill(): Promise<void> {
    return this.#process.kill();
  }

  #proc(file: string): string {
    this.assertAlive();
    return readFileSync(`/proc/${this.pid}/${file}`, 'utf8');
  }
}

/** Reads a size from the text of /proc/PID/status, in MiB. */
export function memoryOf(status: string, field: 'VmRSS' | 'VmHWM'): number {
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
}
