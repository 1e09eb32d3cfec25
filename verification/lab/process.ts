import { appendFileSync, existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { waitUntil } from '@convergekit/testing';
import { OwnedProcess, type ProcessEnd } from '../../libs/testing/src/stack/owned-process.ts';
import { isReady } from '../programs.ts';

export interface ProcessSpec {
  readonly name: string;
  readonly main: string;
  readonly env: Readonly<Record<string, string>>;
  /** The port of the readiness check, `/readyz`. */
  readonly healthPort: number;
}

/** Steps of some keys fail for good, more in a long run than a consumer gives up in an hour before it pauses. */
export const NO_GIVE_UP_LIMIT = { CONVERGE__POLICIES__CONSUMER__GIVE_UP__PER_HOUR: 'unbounded' } as const;

export interface Exit extends Pick<ProcessEnd, 'code' | 'signal'> {
  readonly pid: number;
  /** True when the laboratory ended the process. */
  readonly expected: boolean;
  /** True when the process had reported that it works. */
  readonly hadRun: boolean;
}

/** The pause in milliseconds that keeps a process that cannot start from a busy loop. */
const RESTART_MS = 500;

/** A process ends with the laboratory, even one that was killed: the pipe closes. */
const LEASH = 'data:text/javascript,process.stdin.on("close",()=>process.exit(1)).resume().unref()';

/** Compiled code: a process of a run takes half the time to start when an earlier one compiled it. */
const COMPILED = fileURLToPath(new URL('../../node_modules/.cache/node-compile', import.meta.url));

export function serviceFile(path: string): string {
  return fileURLToPath(new URL(`../../services/${path}`, import.meta.url));
}

/**
 * A process as users start it: a service's main file, with settings from the environment. It is restarted whenever it
 * ends, as by a supervisor, until `stop`. The output goes to a log file.
 */
export class Child {
  readonly spec: ProcessSpec;
  readonly exits: Exit[] = [];
  readonly #folder: string;
  readonly #logFile: string;
  #process: OwnedProcess | undefined;
  #exited: Promise<Exit> | undefined;
  #stopping = false;
  #expected = false;
  #restarts = 0;
  #overlay: Readonly<Record<string, string>> = {};

  constructor(spec: ProcessSpec, logFolder: string) {
    this.spec = spec;
    this.#folder = logFolder;
    this.#logFile = `${logFolder}/${spec.name}.log`;
  }

  /** Undefined while the process does not live. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get restarts(): number {
    return this.#restarts;
  }

  start(): void {
    const { main, env, healthPort } = this.spec;
    const { PATH, HOME, LOG_LEVEL, NO_COLOR, NODE_COMPILE_CACHE = COMPILED } = process.env;
    const given = Object.entries({ PATH, HOME, LOG_LEVEL, NO_COLOR, NODE_COMPILE_CACHE });
    const plain = Object.fromEntries(given.filter(([, value]) => value !== undefined));
    const settings = {
      // For this machine alone.
      CONVERGE__HEALTH__HOST: '127.0.0.1',
      ...env,
      CONVERGE__HEALTH__PORT: String(healthPort),
    };
    const logged = existsSync(this.#logFile) ? statSync(this.#logFile).size : 0;
    const child = OwnedProcess.start({
      command: process.execPath,
      args: ['--conditions=source', '--import', LEASH, main],
      env: { ...plain, NODE_OPTIONS: '--conditions=source', ...settings, ...this.#overlay },
      logFile: this.#logFile,
      leash: true,
    });
    this.#process = child;
    this.#expected = false;
    this.#exited = child.ended.then((end) => this.#ended(child.pid ?? 0, end, logged));
  }

  /** SIGKILL, as a crash would: the supervisor's restart brings it back. */
  kill(): void {
    void this.askToEnd('SIGKILL');
  }

  /** Ends the process by the signal, and resolves with its exit. The supervisor starts it again. */
  async askToEnd(name: 'SIGKILL' | 'SIGTERM'): Promise<Exit | undefined> {
    this.#expected = true;
    this.#process?.signal(name);
    return this.#exited;
  }

  /** Kills the process; it starts again with these variables above its own. */
  restartWith(overlay: Readonly<Record<string, string>>): void {
    this.#overlay = overlay;
    this.kill();
  }

  /** A second process of the same service, with a port of its own. */
  twin(name: string, healthPort: number): Child {
    return new Child({ ...this.spec, name, healthPort }, this.#folder);
  }

  /** SIGSTOP: the process keeps its connections and answers nothing, until `resume`. */
  pause(): void {
    this.#process?.signal('SIGSTOP');
  }

  resume(): void {
    this.#process?.signal('SIGCONT');
  }

  ready(): Promise<boolean> {
    return isReady(`http://127.0.0.1:${this.spec.healthPort}/readyz`);
  }

  /** Stops the process for good. A stop that takes longer than the grace is cut short. */
  async stop(graceMs = 10_000): Promise<void> {
    this.#stopping = true;
    const asked = this.askToEnd('SIGTERM');
    this.resume();
    const timer = setTimeout(() => this.#process?.signal('SIGKILL'), graceMs);
    await asked;
    clearTimeout(timer);
  }

  /** `logged`: the length of the log before this process. */
  #ended(pid: number, { code, signal, reason }: ProcessEnd, logged: number): Exit {
    const hadRun = readFileSync(this.#logFile).subarray(logged).includes('"msg":"running"');
    const exit = { pid, code, signal, expected: this.#expected, hadRun };
    this.exits.push(exit);
    this.#process = undefined;
    appendFileSync(this.#logFile, `-- ${pid} ended with ${reason}\n`);
    if (!this.#stopping) setTimeout(() => this.#again(), RESTART_MS);
    return exit;
  }

  #again(): void {
    if (this.#stopping) return;
    this.#restarts += 1;
    this.start();
  }
}

/** Starts processes and waits until each is ready: a standby relay is when it waits for the lease. */
export async function startAll(children: readonly Child[], logFolder: string): Promise<void> {
  for (const child of children) child.start();
  const areReady = async (): Promise<boolean> => {
    const late: string[] = [];
    for (const child of children) {
      if (child.restarts >= 3)
        throw new Error(`${child.spec.name} does not start: ${logFolder}/${child.spec.name}.log says why`);
      if (!(await child.ready())) late.push(child.spec.name);
    }
    return late.length === 0;
  };
  await waitUntil(areReady, { what: 'every process to be ready', everyMs: 100 });
}
