import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@convergekit/core';

const main = fileURLToPath(new URL('../../services/relay/src/main.ts', import.meta.url));
/** The pause in milliseconds that keeps a process that cannot start from a busy loop. */
const RESTART_MS = 500;

export interface Exit {
  readonly pid: number;
  readonly code: number | null;
  readonly signal: string | null;
  /** True when the campaign ended the process. */
  readonly expected: boolean;
  /** True when the process had begun its work. */
  readonly hadRun: boolean;
}

/**
 * A relay as users start it: the service's main file, with settings from the environment. Started again whenever it
 * ends, as a supervisor does, until `end`.
 */
export class RelayProcess {
  readonly name: string;
  readonly exits: Exit[] = [];
  readonly #env: Readonly<Record<string, string>>;
  readonly #log: WriteStream;
  #child: ChildProcess | undefined;
  #exited: Promise<Exit> = Promise.resolve({ pid: 0, code: 0, signal: null, expected: true, hadRun: false });
  #expected = false;
  #ending = false;
  #running = false;

  constructor(name: string, env: Readonly<Record<string, string>>, logFolder: string) {
    this.name = name;
    this.#env = env;
    this.#log = createWriteStream(`${logFolder}/${name}.log`, { flags: 'a' });
    process.once('exit', () => this.#child?.kill('SIGKILL'));
  }

  /** The process id; undefined while the process does not live. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** True when the process has reported that it works. */
  get running(): boolean {
    return this.#running;
  }

  start(): void {
    const { PATH, HOME } = process.env;
    const child = spawn(process.execPath, ['--conditions=source', main], {
      env: { PATH, HOME, NODE_OPTIONS: '--conditions=source', ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C goes to the soak alone: it ends its processes in order.
      detached: true,
    });
    this.#child = child;
    this.#expected = false;
    this.#running = false;
    this.#log.write(`-- started as ${child.pid ?? '?'} at ${new Date().toISOString()}\n`);
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        if (line.includes('"msg":"running"')) this.#running = true;
        this.#log.write(`${line}\n`);
      });
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve(this.#ended(child.pid ?? 0, code, signal)));
    });
  }

  /** Sends a signal that the process survives (SIGSTOP, SIGCONT). */
  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** Ends the process by the signal, and resolves with its exit. */
  async askToEnd(name: 'SIGKILL' | 'SIGTERM'): Promise<Exit> {
    this.#expected = true;
    this.#child?.kill(name);
    return this.#exited;
  }

  /** Stops the process for good. A stop that takes longer than the grace is aborted. */
  async end(graceMs: number): Promise<Exit | undefined> {
    this.#ending = true;
    if (this.#child === undefined) return undefined;
    this.signal('SIGCONT');
    const patience = new AbortController();
    void systemClock.sleep(graceMs, patience.signal).then(() => {
      if (!patience.signal.aborted) this.#child?.kill('SIGKILL');
    });
    const exit = await this.askToEnd(graceMs === 0 ? 'SIGKILL' : 'SIGTERM');
    patience.abort();
    return exit;
  }

  #ended(pid: number, code: number | null, signal: string | null): Exit {
    const exit = { pid, code, signal, expected: this.#expected, hadRun: this.#running };
    this.#log.write(`-- ${pid} ended with ${code === null ? String(signal) : `code ${code}`}\n`);
    this.exits.push(exit);
    this.#child = undefined;
    this.#running = false;
    if (!this.#ending)
      void systemClock.sleep(RESTART_MS).then(() => {
        if (!this.#ending) this.start();
      });
    return exit;
  }
}
