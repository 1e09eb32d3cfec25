import { allMigrations } from '@convergekit/operate';
import type { Admin, Broker, LogEnds } from '@convergekit/broker/engine';
import { nameSource } from '@convergekit/outbox/engine';
import { type Database, migrate, type MigrationSet } from '@convergekit/postgres';
import { faultProxy, freshDatabase, waitUntil } from '@convergekit/testing';

/** A source's database: the tables of the kit, the service's own, and its name. */
export async function prepareSource(
  name: string,
  database: Database,
  own: readonly MigrationSet[],
): Promise<void> {
  await migrate(database, [...allMigrations, ...own]);
  await nameSource(database.executor, name);
}

/** Makes something for each name, one after the other. */
export async function eachOf<Name extends string, T>(
  names: readonly Name[],
  make: (name: Name) => T | Promise<T>,
): Promise<Record<Name, T>> {
  const made: [Name, T][] = [];
  for (const name of names) made.push([name, await make(name)]);
  return Object.fromEntries(made) as Record<Name, T>;
}

/** Creates the databases in sequence: CREATE DATABASE copies a template that must have no sessions. */
export function makeDatabases<Name extends string>(serverUrl: string, names: readonly Name[]) {
  return eachOf(names, (name) => freshDatabase(serverUrl, name));
}

/** Puts a proxy in front of the server of a URL. */
export async function proxied(behind: string) {
  const url = new URL(behind);
  const proxy = await faultProxy({ target: url.host });
  url.host = proxy.address;
  return { proxy, url: url.href };
}

/** Empty ones: a run must not meet the records of another. */
export async function makeTopics(
  broker: Broker,
  brokers: string,
  topics: readonly string[],
  partitions: number,
  config: Readonly<Record<string, string>> = {},
): Promise<void> {
  const admin = await broker.admin();
  try {
    for (const name of topics) {
      await admin.createTopic({ name, partitions, config });
      const ends = await endsOf(admin, name);
      if (ends.some(({ latest }) => latest > 0n))
        throw new Error(
          `the topic ${name} on ${brokers} has records of another run: delete the topics shop.*, bank.* and *.failures there, or unset KAFKA_BROKERS to use a broker of our own`,
        );
    }
  } finally {
    await admin.close();
  }
}

/** A topic made a moment ago may have no leader yet. */
async function endsOf(admin: Admin, topic: string): Promise<readonly LogEnds[]> {
  let ends: readonly LogEnds[] | undefined;
  let reason: unknown;
  await waitUntil(
    async () => {
      ends = await admin.logEnds(topic).catch((error: unknown) => void (reason = error));
      return ends !== undefined;
    },
    { what: `a leader for each partition of ${topic}`, deadlineMs: 60_000, everyMs: 50 },
  ).catch((error: unknown) => {
    throw new Error(String(error), { cause: reason });
  });
  return ends ?? [];
}
