import { startStack } from '@convergekit/testing';
import type { TestProject } from 'vitest/node';

/** One real Postgres and one real Kafka for a whole run; each test makes its own databases and topics there. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stack = await startStack({ log: (line) => process.stderr.write(`${line}\n`) });
  project.provide('stack', { databaseUrl: stack.databaseUrl, brokers: stack.brokers });
  return () => stack.stop();
}
