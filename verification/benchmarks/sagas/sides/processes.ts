import { createConnection } from 'node:net';
import { join } from 'node:path';
import { waitUntil } from '@convergekit/testing';
import { Child, type ChildOptions } from '../../measure/child.ts';
import type { SideProcess } from './side.ts';

interface ProcessSpec extends Omit<ChildOptions, 'logFile'>, Pick<SideProcess, 'group'> {
  readonly ready: () => Promise<boolean>;
}

/** The longest start of a process, in milliseconds. */
const START_MS = 120_000;

/** Declares a process that can be killed and started again. */
export function sideProcess(folder: string, { group, ready, ...spec }: ProcessSpec): SideProcess {
  let child: Child | undefined;
  return {
    group,
    pid: () => child?.pid ?? 0,
    start: async () => {
      const started = new Child({ ...spec, logFile: join(folder, `sagas-${spec.name}.log`) });
      child = started;
      const isReady = (): Promise<boolean> => {
        started.assertAlive();
        return ready();
      };
      await waitUntil(isReady, { what: `${spec.name} to be ready`, deadlineMs: START_MS });
    },
    kill: async () => child?.kill(),
    stop: async () => child?.stop(),
    assertAlive: () => child?.assertAlive(),
  };
}

/** Declares a Node process whose input is JSON in its first argument. */
export function nodeProcess(
  folder: string,
  {
    main,
    input,
    ...spec
  }: Pick<ProcessSpec, 'name' | 'env' | 'ready'> & {
    readonly main: string;
    readonly input?: object | number;
  },
): SideProcess {
  const args = ['--conditions=source', main, ...(input === undefined ? [] : [JSON.stringify(input)])];
  return sideProcess(folder, { ...spec, group: 'node', command: process.execPath, args });
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
