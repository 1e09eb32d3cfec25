import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';

export interface ProcessSpec {
  readonly name: string;
  readonly main: string;
  readonly env: Readonly<Record<string, string>>;
  /** The port of the readiness check, `/readyz`. */
  readonly healthPort: number;
}

/** A process of the demo. It is restarted when it ends by itself, until `stop`. The output goes to a log file. */
export class Child {
  readonly spec: ProcessSpec;
  readonly #log: WriteStream;
  #process: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #stopping = false;
  #restarts = 0;

  constructor(spec: ProcessSpec, logFolder: string) {
    this.spec = spec;
    this.#log = createWriteStream(`${logFolder}/${spec.name}.log`, { flags: 'a' });
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** The number of restarts. */
  get restarts(): number {
    return this.#restarts;
  }

  start(): void {
    const { main, env } = this.spec;
    const { PATH, HOME, LOG_LEVEL, NO_COLOR, NODE_COMPILE_CACHE } = process.env;
    const plain = Object.entries({ PATH, HOME, LOG_LEVEL, NO_COLOR, NODE_COMPILE_CACHE }).filter(
      ([, value]) => value !== undefined,
    );
    const child = spawn(process.execPath, ['--conditions=source', main], {
      env: {
        ...(Object.fromEntries(plain) as Record<string, string>),
        NODE_OPTIONS: '--conditions=source',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C goes to the demo alone: it stops its processes in order.
      detached: true,
    });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) stream.pipe(this.#log, { end: false });
    this.#exited = new Promise((resolve) => {
      child.once('error', () => resolve());
      child.once('exit', (code, signal) => {
        this.#log.write(`-- ended with ${code === null ? String(signal) : `code ${code}`}\n`);
        resolve();
        this.#again();
      });
    });
  }

  /** SIGKILL, as a crash would: the supervisor's restart brings it back. */
  kill(): void {
    this.#process?.kill('SIGKILL');
  }

  /** SIGSTOP: the process keeps its connections and answers nothing, until `resume`. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  async ready(): Promise<boolean> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.spec.healthPort}/readyz`, {
        signal: AbortSignal.timeout(1_000),
      });
      return response.ok;
    } catch {
      return false;
    }
  }

  async stop(graceMs = 10_000): Promise<void> {
    this.#stopping = true;
    this.#process?.kill('SIGTERM');
    this.resume();
    const timer = setTimeout(() => this.#process?.kill('SIGKILL'), graceMs);
    await this.#exited;
    clearTimeout(timer);
    await new Promise<void>((resolve) => this.#log.end(resolve));
  }

  #again(): void {
    if (this.#stopping) return;
    // The pause keeps a process that cannot start from a busy loop.
    setTimeout(() => {
      if (this.#stopping) return;
      this.#restarts += 1;
      this.start();
    }, 500);
  }
}
