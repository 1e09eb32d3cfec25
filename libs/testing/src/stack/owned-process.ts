import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { endsWithin, systemClock } from '@convergekit/core';
import { identityOf, isAlive, type ProcessIdentity } from './process-identity.ts';

export interface OwnedProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** The file for the output. A pipe would break when this process dies before the child. */
  readonly logFile: string;
  /** Lets a later run find and end the process. @default none */
  readonly pidFile?: string;
  /** The signal that asks for a clean stop. @default 'SIGTERM' */
  readonly stopSignal?: NodeJS.Signals;
  /** Gives the child a pipe that closes when this process ends, however that is. @default false */
  readonly leash?: boolean;
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The same in words, or why it could not start. */
  readonly reason: string;
}

/** Milliseconds between the stop signal and SIGKILL. */
const STOP_MS = 10_000;

/** The children that live. They are killed when this process exits without a stop: a handler of 'exit' cannot wait. */
const alive = new Set<ChildProcess>();
const killAlive = (): void => {
  for (const child of alive) child.kill('SIGKILL');
};

/**
 * A child process that leads its own process group, so Ctrl-C in a terminal reaches only the parent, which stops its
 * children in order. Its pid file exists from the first moment.
 */
export class OwnedProcess {
  readonly #child: ChildProcess;
  readonly #options: OwnedProcessOptions;
  /** Resolves when the process has ended. */
  readonly ended: Promise<ProcessEnd>;
  #exit: string | undefined;

  private constructor(child: ChildProcess, options: OwnedProcessOptions) {
    this.#child = child;
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<ProcessEnd>();
    this.ended = promise;
    const settle = (end: ProcessEnd): void => {
      this.#exit ??= end.reason;
      if (options.pidFile !== undefined) rmSync(options.pidFile, { force: true });
      alive.delete(child);
      if (alive.size === 0) process.off('exit', killAlive);
      resolve(end);
    };
    child.once('exit', (code, signal) =>
      settle({ code, signal, reason: signal ?? `exit code ${code ?? '?'}` }),
    );
    child.once('error', ({ message }) => settle({ code: null, signal: null, reason: message }));
    if (alive.size === 0) process.on('exit', killAlive);
    alive.add(child);
  }

  static start(options: OwnedProcessOptions): OwnedProcess {
    // Of its user alone: an error is logged with its statement, and its values.
    const log = openSync(options.logFile, 'a', 0o600);
    try {
      const child = spawn(options.command, options.args, {
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        env: options.env ?? process.env,
        stdio: [options.leash === true ? 'pipe' : 'ignore', log, log],
        detached: true,
        ...options.user,
      });
      child.unref();
      const owned = new OwnedProcess(child, options);
      if (child.pid !== undefined && options.pidFile !== undefined) recordPid(options.pidFile, child.pid);
      return owned;
    } finally {
      closeSync(log);
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The reason why the process ended; undefined while it lives. */
  get exit(): string | undefined {
    return this.#exit;
  }

  /** The last lines of the output: the reason when the process died at the start. */
  logTail(lines = 12): string {
    return tail(this.#options.logFile, lines);
  }

  signal(name: NodeJS.Signals): void {
    if (this.#exit !== undefined) return;
    // Node would end silently, with exit code 0, where the wait for the end is all that is left to do.
    this.#child.ref();
    this.#child.kill(name);
  }

  async stop(): Promise<void> {
    this.signal(this.#options.stopSignal ?? 'SIGTERM');
    if (!(await endsWithin(this.ended, STOP_MS, systemClock))) await this.kill();
  }

  /** Sends SIGKILL, like a crash. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }
}

/**
 * Ends the process of a dead owner's pid file, if it is still the same process; true when one was ended. The process is
 * no child of this one, so its end is polled.
 */
export async function endRecorded(pidFile: string): Promise<boolean> {
  const recorded = readIdentity(pidFile);
  if (recorded === undefined || !isAlive(recorded)) return false;
  const end = systemClock.monotonic() + STOP_MS;
  signal(recorded.pid, 'SIGTERM');
  while (isAlive(recorded)) {
    if (systemClock.monotonic() > end) signal(recorded.pid, 'SIGKILL');
    await systemClock.sleep(20);
  }
  return true;
}

export function readIdentity(file: string): ProcessIdentity | undefined {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Partial<ProcessIdentity>;
    const { pid, startedAt, command } = value;
    if (typeof pid !== 'number' || typeof startedAt !== 'string' || typeof command !== 'string')
      return undefined;
    return { pid, startedAt, command };
  } catch {
    return undefined;
  }
}

function recordPid(file: string, pid: number): void {
  writeFileSync(file, JSON.stringify(identityOf(pid) ?? { pid, startedAt: '', command: '' }));
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // The process ended between the look and the signal.
  }
}

function tail(file: string, lines: number): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '';
  }
}
