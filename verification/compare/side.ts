import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitUntil } from '@convergekit/testing';
import { makeDatabases } from '../lab/prepare.ts';
import { plain } from '../programs.ts';
import { withDatabase } from '../with-database.ts';
import { Director } from './director.ts';
import type { Answer, Ask, Recorded } from './program/desk.ts';

export const SERVICES = ['orders', 'payments', 'delivery'] as const;
export const CONSUMERS = ['status', 'notes', 'money', 'stamps', 'points', 'stock', 'labels', 'parcels'];
export type ServiceName = (typeof SERVICES)[number];

export interface SideOptions {
  readonly name: string;
  /** The project in which the build and its program are installed. */
  readonly folder: string;
  readonly serverUrl: string;
  /** @default the log is in Postgres */
  readonly brokers?: string | undefined;
}

export interface Printed {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One build at work: its three services with a database each, a director, and the desk of an operator. */
export class Side {
  readonly name: string;
  readonly databases: Readonly<Record<ServiceName, string>>;
  readonly director = new Director((service) => this.#services.get(service)?.kill('SIGKILL'));
  /** What the services answered, by what was asked. */
  readonly answers = new Map<string, string>();
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #services = new Map<string, ChildProcess>();
  readonly #desk: ChildProcess;
  readonly #closed = new AbortController();
  #failure: string | undefined;
  #callNoun: string | undefined;

  private constructor({ name, folder, brokers }: SideOptions, databases: Side['databases']) {
    this.name = name;
    this.databases = databases;
    this.#folder = folder;
    const log =
      brokers === undefined
        ? { CONVERGE__BROKER: 'local', CONVERGE__LOCAL__URL: databases.orders }
        : { KAFKA_BROKERS: brokers };
    const orders = { CONVERGE__DATABASES__ORDERS: databases.orders };
    this.#env = plain({ NODE_ENV: 'development', NO_COLOR: '1', ...log, ...orders });
    this.#desk = fork(join(folder, 'program/desk.ts'), {
      cwd: folder,
      // A command about a reconciler reads the database that it repairs.
      env: { ...this.#env, CONVERGE__DATABASES__DELIVERY: databases.delivery },
      stdio: ['ignore', 'ignore', this.#log('desk'), 'ipc'],
    });
    this.#desk.once('exit', () => this.#closed.abort(new Error(`the desk of ${name} has ended`)));
  }

  static async start(options: SideOptions): Promise<Side> {
    const side = new Side(options, await makeDatabases(options.serverUrl, SERVICES));
    try {
      await side.#prepare();
      return side;
    } catch (error) {
      side.stop();
      throw error;
    }
  }

  async #prepare(): Promise<void> {
    this.#env['COMPARE_DIRECTOR'] = await this.director.start();
    const tables = await readFile(join(this.#folder, 'program/tables.sql'), 'utf8');
    for (const name of SERVICES) {
      await this.command(name, ['migrate', '--source', name]);
      await this.rows(name, tables);
    }
    for (const name of SERVICES) this.#run(name);
    const listen = (): boolean => SERVICES.every((name) => this.director.ports.has(name));
    await this.until(`its services, whose logs are in ${this.#folder}`, listen);
  }

  #log(name: string): number {
    return openSync(join(this.#folder, `${name}.log`), 'a');
  }

  /** Runs a service, and runs it again whenever it was killed. */
  #run(name: ServiceName): void {
    const log = this.#log(name);
    const child = spawn(process.execPath, [`program/${name}.ts`], {
      cwd: this.#folder,
      env: { ...this.#env, DATABASE_URL: this.databases[name], COMPARE_SERVICE: name },
      // The channel closes when this process dies, and the service ends with it.
      stdio: ['ignore', log, log, 'ipc'],
    });
    this.#services.set(name, child);
    child.once('exit', (code, signal) => {
      this.director.ports.delete(name);
      if (signal !== 'SIGKILL')
        this.#failure ??= `${name} of ${this.name} ended with ${String(code)}: see ${name}.log in ${this.#folder}`;
      else if (!this.#closed.signal.aborted) this.#run(name);
    });
  }

  /** Waits for a condition that is named when it hangs. Rejects when a service has ended by itself. */
  until<T>(what: string, condition: () => T | Promise<T>): Promise<NonNullable<T>> {
    const checked = (): T | Promise<T> => {
      const ended = this.#closed.signal.aborted ? 'it is stopped' : this.#failure;
      if (ended !== undefined) throw new Error(`${this.name} waited for ${what}: ${ended}`);
      return condition();
    };
    return waitUntil(checked, { what: `${this.name}: ${what}`, everyMs: 500, deadlineMs: 900_000 });
  }

  /** Sends a request to a service until it answers: it may be killed meanwhile, and a repeat does nothing. */
  async request(name: ServiceName, op: string, key: string, data: unknown): Promise<void> {
    const send = (): Promise<string | undefined> =>
      fetch(`http://127.0.0.1:${this.director.ports.get(name) ?? 1}`, {
        method: 'POST',
        body: JSON.stringify({ op, key, data }),
      })
        .then(async (answer) =>
          answer.status === 503 ? undefined : `${answer.status} ${await answer.text()}`,
        )
        .catch(() => undefined);
    this.answers.set(`${op} ${key}`, await this.until(`an answer of ${name} to ${op} ${key}`, send));
  }

  /** Runs a command in the database of a service, and returns its result as data. Rejects when it fails. */
  async command(name: ServiceName, args: readonly string[]): Promise<unknown> {
    const text = await this.text(name, [...args, '--json']);
    return text.trim() === '' ? undefined : JSON.parse(text);
  }

  /** Runs a command, and returns what it prints. Rejects when it fails. */
  async text(name: ServiceName, args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.tryCommand(name, args);
    if (code !== 0)
      throw new Error(`${this.name}: \`converge ${args.join(' ')}\` exits with ${code}: ${stderr}`);
    return stdout;
  }

  tryCommand(name: ServiceName, args: readonly string[]): Promise<Printed> {
    return this.#ask({ args, database: this.databases[name] }) as Promise<Printed>;
  }

  /** The noun of commands about calls: `effects` in builds before 2026-12-03. */
  async callNoun(): Promise<string> {
    this.#callNoun ??=
      (await this.tryCommand('payments', ['call', '--help'])).code === 0 ? 'call' : 'effects';
    return this.#callNoun;
  }

  readLog(topics: readonly string[]): Promise<readonly Recorded[]> {
    return this.#ask({ topics }) as Promise<readonly Recorded[]>;
  }

  /** Asks the desk, which answers one question after the other. */
  async #ask(ask: Ask): Promise<unknown> {
    const heard = once(this.#desk, 'message', { signal: this.#closed.signal });
    this.#desk.send(ask);
    const [{ value, error }] = (await heard) as [Answer];
    if (error !== undefined) throw new Error(error);
    return value;
  }

  rows<Row>(name: ServiceName, sql: string): Promise<readonly Row[]> {
    return withDatabase({ url: this.databases[name], max: 1 }, async ({ executor }) => {
      return (await executor.query<Row & object>(sql)).rows;
    });
  }

  stop(): void {
    this.#closed.abort(new Error(`${this.name} is stopped`));
    for (const child of this.#services.values()) child.kill('SIGKILL');
    this.#desk.kill('SIGKILL');
    this.director.stop();
  }
}
