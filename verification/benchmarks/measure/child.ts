import { readFileSync } from 'node:fs';
import { OwnedProcess } from '@convergekit/testing/engine';

/** Kernel clock ticks per second in /proc/PID/stat; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The file for the child's output. */
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
    return cpuSecondsOf(this.#proc('stat'));
  }

  residentMiB(): number {
    return memoryOf(this.#proc('status'), 'VmRSS');
  }

  /** Returns the peak of resident memory since the start, in MiB. */
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

/** Sums the 14th and 15th field of a stat line. The second field is the name in parentheses and may hold anything. */
export function cpuSecondsOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

export function memoryOf(status: string, field: 'VmRSS' | 'VmHWM'): number {
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
}
