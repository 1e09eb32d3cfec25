import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@convergekit/core';
import { OwnedProcess } from './owned-process.ts';
import { guardOwner } from './owner-guard.ts';
import { assertPortFree, freePort } from './ports.ts';
import { type StackServer, untilReady } from './server.ts';
import { DevStackError, type DevStackErrorCode } from './stack-error.ts';

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** The properties of one kind of server. */
export interface Recipe {
  readonly what: 'Postgres' | 'Kafka' | 'PgBouncer';
  readonly failure: DevStackErrorCode;
  readonly stopSignal: NodeJS.Signals;
  /** Makes the data once, writes the configuration for `port`, and says what to run. Called before every start. */
  prepare(port: number): Promise<Launch>;
  /** The address for clients: a database URL, or `host:port`. */
  address(port: number): string;
  /** Returns true when the process `pid` itself answers at `port`. */
  ready(pid: number, port: number): Promise<boolean>;
  /** True when another start at the same port can succeed once the remains of a killed predecessor are gone. */
  transient(logTail: string): boolean;
}

export interface EmbeddedServerOptions {
  readonly recipe: Recipe;
  /** Holds the pid file and the log file. */
  readonly folder: string;
  /** @default any free port */
  readonly port?: number | undefined;
  /** Called by `dispose` after the stop. */
  readonly onDispose: () => Promise<void>;
}

/** The longest start of a server, in milliseconds. A machine under heavy load needs a minute. */
const START_MS = 180_000;

/** One server as a process of this machine. */
export class EmbeddedServer implements StackServer {
  readonly #recipe: Recipe;
  readonly #folder: string;
  readonly #asked: number | undefined;
  readonly #onDispose: () => Promise<void>;
  #port: number | undefined;
  #process: OwnedProcess | undefined;

  constructor({ recipe, folder, port, onDispose }: EmbeddedServerOptions) {
    this.#recipe = recipe;
    this.#folder = folder;
    this.#asked = port;
    this.#onDispose = onDispose;
  }

  get port(): number {
    if (this.#port === undefined) throw new Error(`${this.#recipe.what} has no port before its first start`);
    return this.#port;
  }

  get address(): string {
    return this.#recipe.address(this.port);
  }

  /** The process id; undefined while the server does not run. */
  get pid(): number | undefined {
    return this.running ? this.#process?.pid : undefined;
  }

  get running(): boolean {
    return this.#process !== undefined && this.#process.exit === undefined;
  }

  async start(): Promise<void> {
    if (this.running) return;
    mkdirSync(this.#folder, { recursive: true });
    if (this.#port !== undefined) return this.#launch(this.#port);
    if (this.#asked !== undefined) {
      await assertPortFree(this.#asked, this.#recipe.what);
      this.#port = this.#asked;
      return this.#launch(this.#asked);
    }
    await this.#launchOnFreePort();
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async dispose(): Promise<void> {
    await this.stop();
    await this.#onDispose();
  }

  /** A free port may be gone before the server has it: three tries with three ports. */
  async #launchOnFreePort(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const port = await freePort();
      try {
        await this.#launch(port);
        this.#port = port;
        return;
      } catch (error) {
        const taken = /address already in use|bind/i.test(String(error));
        if (!taken || attempt === 3) throw error;
      }
    }
  }

  async #launch(port: number): Promise<void> {
    const end = systemClock.monotonic() + START_MS;
    const launch = await this.#recipe.prepare(port);
    for (;;) {
      const child = this.#spawn(launch);
      this.#process = child;
      const reason = await untilReady({
        endedBy: () => child.exit,
        isReady: () => this.#recipe.ready(child.pid ?? -1, port),
        everyMs: 30,
        end,
      });
      if (reason === undefined) return;
      await child.kill();
      const log = child.logTail();
      if (this.#recipe.transient(log) && systemClock.monotonic() < end) {
        await systemClock.sleep(200);
        continue;
      }
      throw new DevStackError(
        this.#recipe.failure,
        `${this.#recipe.what} ${reason}. Its last lines:\n${log}`,
      );
    }
  }

  #spawn(launch: Launch): OwnedProcess {
    const { what, stopSignal } = this.#recipe;
    const name = what.toLowerCase();
    const server = OwnedProcess.start({
      ...launch,
      cwd: this.#folder,
      logFile: join(this.#folder, `${name}.log`),
      pidFile: join(this.#folder, `${name}.pid`),
      stopSignal,
    });
    guardOwner(server, stopSignal);
    return server;
  }
}
