import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { systemClock } from '@convergekit/core';

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
export interface Child {
  readonly name: string;
  readonly pid: number;
  /** User and system time so far. */
  cpuSeconds(): number;
  residentMiB(): number;
  /** Returns the peak of resident memory since the start, in MiB. */
  peakMiB(): number;
  /** Throws with the end of its log when the process has ended by itself. */
  assertAlive(): void;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

const alive = new Set<ChildProcess>();
// The last resort: this process leaves without a stop.
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** Starts a child in a separate process group: Ctrl-C reaches only the parent, which stops things in order. */
export function startChild({ name, command, args, env = {}, logFile }: ChildOptions): Child {
  const log = openSync(logFile, 'a');
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  const { promise: exited, resolve } = Promise.withResolvers<undefined>();
  let why: string | undefined;
  alive.add(child);
  const ended = (reason: string): void => {
    why ??= reason;
    alive.delete(child);
    resolve(undefined);
  };
  child.once('exit', (code, signal) => ended(signal ?? `exit code ${code ?? 'unknown'}`));
  child.once('error', (error) => ended(error.message));
  const pid = child.pid ?? 0;
  const kill = async (): Promise<void> => {
    if (why === undefined) child.kill('SIGKILL');
    await exited;
  };
  const proc = (file: string): string => {
    assertAlive();
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  };
  const assertAlive = (): void => {
    if (why !== undefined) throw new Error(`${name} ended while it was measured (${why}): ${tail(logFile)}`);
  };
  return {
    name,
    pid,
    cpuSeconds: () => cpuSecondsOf(proc('stat')),
    residentMiB: () => memoryOf(proc('status'), 'VmRSS'),
    peakMiB: () => memoryOf(proc('status'), 'VmHWM'),
    assertAlive,
    kill,
    stop: async () => {
      if (why !== undefined) return;
      child.kill('SIGTERM');
      const patience = new AbortController();
      await Promise.race([exited, systemClock.sleep(15_000, patience.signal)]);
      patience.abort();
      await kill();
    },
  };
}

/** Sums the 14th and 15th field of a stat line. The second field is the name in parentheses and may hold anything. */
export function cpuSecondsOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

export function memoryOf(status: string, field: 'VmRSS' | 'VmHWM'): number {
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-6).join('\n');
}
