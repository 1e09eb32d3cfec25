import { type ChildProcess, fork, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from '@convergekit/postgres';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { plain } from '../packages/tools.ts';
import { Director } from './director.ts';
import type { Answer, Ask, Recorded } from './program/desk-words.ts';

export const SERVICES = ['orders', 'payments', 'delivery'] as const;
export const CONSUMERS = ['status', 'notes', 'money', 'stamps', 'points', 'stock', 'labels', 'parcels'];
export type ServiceName = (typeof SERVICES)[number];

export interface SideOptions {
  readonly name: string;
  /** The project in which the build is installed. */
  readonly folder: string;
  readonly serverUrl: string;
  /** @default the log is in Postgres */
  readonly brokers?: string | undefined;
}

/** What a command printed. */
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
  /** True for a build that asks for `--after-compensation`. */
  agreement = false;
  readonly #folder: string;
  readonly #services = new Map<string, ChildProcess>();
  #env: NodeJS.ProcessEnv = {};
  #desk: ChildProcess | undefined;
  #asked = 0;
  #stopped = false;
  #failure: string | undefined;

  private constructor({ name, folder }: SideOptions, databases: Readonly<Record<ServiceName, string>>) {
    this.name = name;
    this.databases = databases;
    this.#folder = folder;
  }

  static async start(options: SideOptions): Promise<Side> {
    const urls: [string, string][] = [];
    for (const name of SERVICES) urls.push([name, await freshDatabase(options.serverUrl, name)]);
    const side = new Side(options, Object.fromEntries(urls) as Record<ServiceName, string>);
    try {
      await side.#prepare(options);
      return side;
    } catch (error) {
      side.stop();
      throw error;
    }
  }

  async #prepare({ brokers }: SideOptions): Promise<void> {
    const program = join(import.meta.dirname, 'program');
    await mkdir(join(this.#folder, 'program'), { recursive: true });
    for (const file of await readdir(program))
      await copyFile(join(program, file), join(this.#folder, 'program', file));
    this.#env = plain({
      NODE_ENV: 'development',
      NO_COLOR: '1',
      COMPARE_DIRECTOR: await this.director.start(),
      CONVERGE__RECONCILE__DATABASES__ORDERS: this.databases.orders,
      ...(brokers === undefined
        ? { CONVERGE__BROKER: 'local', CONVERGE__LOCAL__URL: this.databases.orders }
        : { KAFKA_BROKERS: brokers }),
    });
    this.#desk = fork(join(this.#folder, 'program/desk.ts'), {
      cwd: this.#folder,
      // A command about a reconciler reads the database that it repairs.
      env: { ...this.#env, CONVERGE__RECONCILE__DATABASES__DELIVERY: this.databases.delivery },
      stdio: ['ignore', 'ignore', this.#log('desk'), 'ipc'],
    });
    const tables = await readFile(join(program, 'tables.sql'), 'utf8');
    for (const name of SERVICES) {
      await this.command(name, ['migrate', '--source', name]);
      await this.rows(name, tables);
    }
    this.agreement = (await this.tryCommand('orders', ['parked', 'retry', '--help'])).stdout.includes(
      '--after-compensation',
    );
    if (this.agreement) this.#env['COMPARE_AGREEMENT'] = '1';
    for (const name of SERVICES) this.#run(name);
    await this.#listening();
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
      else if (!this.#stopped) this.#run(name);
    });
  }

  /** Waits for a condition that is named when it hangs. Rejects when a service has ended by itself. */
  until<T>(what: string, condition: () => T | Promise<T>): Promise<NonNullable<T>> {
    const checked = (): T | Promise<T> => {
      if (this.#failure !== undefined) throw new Error(this.#failure);
      return condition();
    };
    return waitUntil(checked, { what: `${this.name}: ${what}`, everyMs: 500, deadlineMs: 900_000 });
  }

  #listening(): Promise<unknown> {
    return this.until(`its services, whose logs are in ${this.#folder}`, () =>
      SERVICES.every((name) => this.director.ports.has(name)),
    );
  }

  /** Sends a request to a service until it answers: it may be killed meanwhile, and a repeat does nothing. */
  async request(name: ServiceName, op: string, key: string, data: unknown): Promise<string> {
    const send = async (): Promise<string | undefined> => {
      const url = `http://127.0.0.1:${this.director.ports.get(name) ?? 1}`;
      const answer = await fetch(url, { method: 'POST', body: JSON.stringify({ op, key, data }) }).catch(
        () => undefined,
      );
      return answer?.text();
    };
    return this.until(`an answer of ${name} to ${op} ${key}`, send);
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
    return this.#ask({ kind: 'command', args, database: this.databases[name] }) as Promise<Printed>;
  }

  readLog(topics: readonly string[]): Promise<readonly Recorded[]> {
    return this.#ask({ kind: 'read', topics }) as Promise<readonly Recorded[]>;
  }

  #ask(ask: Ask): Promise<unknown> {
    const desk = this.#desk;
    if (desk === undefined) throw new TypeError('the desk is not open');
    const id = (this.#asked += 1);
    return new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`the desk ended with ${String(code)}`));
      desk.once('exit', ended);
      const hear = (answer: Answer): void => {
        if (answer.id !== id) return;
        desk.off('message', hear);
        desk.off('exit', ended);
        if (answer.error === undefined) resolve(answer.value);
        else reject(new Error(answer.error));
      };
      desk.on('message', hear);
      // Without a function, a channel that is closed would end this process.
      desk.send({ id, ...ask }, (error) => (error === null ? undefined : reject(error)));
    });
  }

  /** Runs SQL on the business tables of a service. */
  async rows<Row>(name: ServiceName, sql: string): Promise<readonly Row[]> {
    const database = connect({ url: this.databases[name], max: 1 });
    try {
      return (await database.executor.query<Row & object>(sql)).rows;
    } finally {
      await database.close();
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const child of this.#services.values()) child.kill('SIGKILL');
    this.#desk?.kill('SIGKILL');
    this.director.stop();
  }
}
