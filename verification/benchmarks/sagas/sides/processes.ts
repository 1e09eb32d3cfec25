import { createConnection } from 'node:net';
import { join } from 'node:path';
import { waitUntil } from '@convergekit/testing';
import { Child, type ChildOptions } from '../../measure/child.ts';
import type { SideProcess, Worker } from './side.ts';

export interface ProcessSpec extends Omit<ChildOptions, 'logFile'> {
  readonly group: SideProcess['group'];
  /** Returns true when the process is ready. */
  readonly ready: () => Promise<boolean>;
}

/** The longest start of a process, in milliseconds. */
const START_MS = 120_000;

/** One process of a side that can be killed and started again. */
export class RestartableProcess implements SideProcess, Worker {
  readonly group: SideProcess['group'];
  readonly #spec: ProcessSpec;
  readonly #logFile: string;
  #child: Child | undefined;

  constructor(spec: ProcessSpec, folder: string) {
    this.group = spec.group;
    this.#spec = spec;
    this.#logFile = join(folder, `sagas-${spec.name}.log`);
  }

  readonly pid = (): number => this.#child?.pid ?? 0;

  async kill(): Promise<void> {
    await this.#child?.kill();
  }

  async start(): Promise<void> {
    const child = new Child({ ...this.#spec, logFile: this.#logFile });
    this.#child = child;
    await waitUntil(
      async () => {
        child.assertAlive();
        return this.#spec.ready();
      },
      { what: `${this.#spec.name} to be ready`, deadlineMs: START_MS, everyMs: 20 },
    );
  }

  assertAlive(): void {
    this.#child?.assertAlive();
  }

  async stop(): Promise<void> {
    await this.#child?.stop();
  }
}

/** A Node process whose input is JSON in its first argument. */
export function nodeProcess(
  folder: string,
  {
    main,
    input,
    ...spec
  }: Pick<ProcessSpec, 'name' | 'env' | 'ready'> & {
    readonly main: string;
    readonly input?: object;
  },
): RestartableProcess {
  const args = ['--conditions=source', main, ...(input === undefined ? [] : [JSON.stringify(input)])];
  return new RestartableProcess({ ...spec, group: 'node', command: process.execPath, args }, folder);
}

/** Asks whether a process listens at a port, where its protocol is not HTTP/1.1. */
export function listens(port: number): () => Promise<boolean> {
  return () => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const socket = createConnection(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    return promise.finally(() => socket.destroy());
  };
}
