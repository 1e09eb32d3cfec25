import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { endsWithin, systemClock } from '@convergekit/core';
import { identityOf, isAlive, type ProcessIdentity } from './process-identity.ts';

export interface OwnedProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** The file for the output. A pipe would break when this process dies before the child. */
  readonly logFile: string;
  readonly pidFile: string;
  /** The signal that asks for a clean stop. @default 'SIGTERM' */
  readonly stopSignal?: NodeJS.Signals;
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** Milliseconds between the stop signal and SIGKILL. */
const STOP_MS = 10_000;

/**
 * A child process that a later run can find and end: its pid file exists from the first moment. The child leads its own
 * process group, so Ctrl-C in a terminal reaches only the parent, which stops its children in order.
 */
export class OwnedProcess {
  readonly #child: ChildProcess;
  readonly #options: OwnedProcessOptions;
  readonly #exited: Promise<string>;
  #exit: string | undefined;

  private constructor(child: ChildProcess, options: OwnedProcessOptions) {
    this.#child = child;
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#exited = promise;
    const settle = (reason: string): void => {
      this.#exit ??= reason;
      rmSync(options.pidFile, { force: true });
      process.off('exit', this.#killOnExit);
      resolve(reason);
    };
    child.once('exit', (code, signal) => settle(signal === null ? `exit code ${code ?? '?'}` : signal));
    child.once('error', (error) => settle(error.message));
    process.on('exit', this.#killOnExit);
  }

  static start(options: OwnedProcessOptions): OwnedProcess {
    const log = openSync(options.logFile, 'a');
    try {
      const child = spawn(options.command, options.args, {
        cwd: options.cwd,
        env: options.env ?? process.env,
        stdio: ['ignore', log, log],
        detached: true,
        ...options.user,
      });
      child.unref();
      const owned = new OwnedProcess(child, options);
      if (child.pid !== undefined) recordPid(options.pidFile, child.pid);
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

  async stop(): Promise<void> {
    if (this.#exit !== undefined) return;
    this.#child.kill(this.#options.stopSignal ?? 'SIGTERM');
    if (!(await endsWithin(this.#exited, STOP_MS, systemClock))) await this.kill();
  }

  /** Sends SIGKILL, like a crash. */
  async kill(): Promise<void> {
    if (this.#exit !== undefined) return;
    // Node would end silently, with exit code 0, where this wait is all that is left to do.
    this.#child.ref();
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** Kills the child when this process exits without a stop: a handler of 'exit' cannot wait. */
  readonly #killOnExit = (): void => {
    this.#child.kill('SIGKILL');
  };
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
