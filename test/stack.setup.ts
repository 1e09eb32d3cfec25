import { startStack, type Stack } from '@convergekit/testing';
import { reapInstances } from '../libs/testing/src/stack/instance.ts';
import type { TestProject } from 'vitest/node';
import { placeInMemory } from './memory.ts';

type Servers = Pick<Stack, 'databaseUrl' | 'brokers'>;

/** The stack of this process. Each project loads this file anew, so it cannot be a variable of the file. */
const shared = globalThis as { testStack?: { users: number; readonly stack: Promise<Stack> } };

/** One real Postgres and one real Kafka for all projects of a run; each test makes its own databases and topics there. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['CONVERGE_TEST_SERVERS'];
  if (given !== undefined) {
    project.provide('stack', JSON.parse(given) as Servers);
    return () => Promise.resolve();
  }
  const one = (shared.testStack ??= { users: 0, stack: startTestStack() });
  one.users += 1;
  const stack = await one.stack;
  project.provide('stack', { databaseUrl: stack.databaseUrl, brokers: stack.brokers });
  return async () => {
    one.users -= 1;
    if (one.users > 0) return;
    delete shared.testStack;
    await stack.stop();
  };
}

/** Starts the servers of tests, with progress on stderr. Their data are in memory where it has room. */
export async function startTestStack(): Promise<Stack> {
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  // What a killed run left would keep the folder where it is.
  await reapInstances('.converge', log);
  const release = placeInMemory('.converge/stacks');
  const postgresSettings = {
    // The server looks after one database after the other, all within this time: with hundreds of them, a new process many times a second.
    autovacuum_naptime: '10min',
    // Each copy of a database begins a checkpoint, after which every page would be written whole again. It matters only
    // where the machine itself fails.
    full_page_writes: 'off',
  };
  const stack = await startStack({ log, postgresSettings });
  return { ...stack, stop: () => stack.stop().then(release) };
}
