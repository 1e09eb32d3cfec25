import { inboxMigrations } from '@convergekit/inbox';
import { type PartitionOverview, readOverview } from '@convergekit/inbox/operate';
import { lastActs } from '../audit/last-acts.ts';
import type { NamedDatabase } from '../doctor/examine-database.ts';
import { didYouMean } from '../host/did-you-mean.ts';
import { refused } from '../host/errors.ts';
import type { Concerned } from '../host/rights.ts';
import { index, type InputOf, name, optional, text } from '../registry/fields.ts';
import type { Reads, Tables } from '../registry/reads.ts';

export const tables: Tables = { migrations: [inboxMigrations], table: 'converge.inbox_partition' };

/** The fields that choose partitions of one consumer: all consumers are never meant at once. */
export const ofConsumer = { consumer: name('a consumer of DATABASE_URL') };
export const ofTopic = { ...ofConsumer, topic: text('name', 'only of this topic') };
export const ofPartition = { ...ofTopic, partition: optional(index('only this partition')) };
export type Which = Partial<InputOf<typeof ofPartition>> & InputOf<typeof ofConsumer>;

/** A partition of a consumer, and the database that has it. */
export interface Partition extends PartitionOverview {
  readonly database: NamedDatabase;
}

export const concerns = (
  { databases }: Pick<Reads, 'databases'>,
  { consumer }: { readonly consumer: string },
): Promise<Concerned> => {
  const [first, ...others] = databases;
  const database = first === undefined || others.length > 0 ? '*' : first.name;
  return Promise.resolve({ database, consumer });
};

const consumersSql = `select name from converge.inbox_consumer order by name`;

/** The databases that have a consumer. Refuses a name that none has: an empty list would say that nothing is wrong. */
export async function databasesOf(
  { databases }: Pick<Reads, 'databases'>,
  consumer: string,
): Promise<readonly NamedDatabase[]> {
  const all = await Promise.all(
    databases.map(async (database) => ({
      database,
      names: (await database.executor.query<{ name: string }>(consumersSql)).rows.map((row) => row.name),
    })),
  );
  const found = all.filter(({ names }) => names.includes(consumer));
  if (found.length > 0) return found.map(({ database }) => database);
  const places = databases.length === 1 ? 'this database' : 'these databases';
  throw refused(
    'CONSUMER_UNKNOWN',
    `there is no consumer ${consumer} in ${places}${didYouMean(
      consumer,
      all.flatMap(({ names }) => names),
    )}: \`converge consumers list\` shows those that are`,
  );
}

/** Reads the partitions that are chosen. Refuses a topic or a partition that no row has: nothing would match. */
export async function requirePartitions(
  reads: Pick<Reads, 'databases'>,
  { consumer, topic, partition }: Which,
): Promise<readonly Partition[]> {
  const all = await Promise.all(
    (await databasesOf(reads, consumer)).map(async (database) =>
      (await readOverview(database.executor, consumer)).map((row) => ({ ...row, database })),
    ),
  );
  const rows = all.flat();
  const found = rows.filter(
    (row) => (topic ?? row.topic) === row.topic && (partition ?? row.partition) === row.partition,
  );
  if (found.length > 0) return found;
  const near = topic === undefined ? '' : didYouMean(topic, [...new Set(rows.map((row) => row.topic))]);
  throw refused(
    'PARTITION_UNKNOWN',
    `${consumer} does not read ${partition === undefined ? '' : `partition ${partition} of `}${topic ?? 'any topic'} in this database${near}: \`converge consumers list ${consumer}\` shows what it reads`,
  );
}

/** Says what operators last did to a consumer. */
export async function lastActsOn(
  reads: Pick<Reads, 'databases'>,
  consumer: string,
): Promise<readonly string[]> {
  const all = reads.databases.map(({ executor }) => lastActs(executor, [consumer], 'consumer'));
  return (await Promise.all(all)).flat();
}

interface Place {
  readonly topic: string;
  readonly partition: number;
}

export const placeOf = ({ topic, partition }: Place): Place => ({ topic, partition });
export const nameOf = ({ topic, partition }: Place): string => `${topic}/${partition}`;

/** The partitions as rows and lines, for a dry run. */
export const thingsOf = (rows: readonly Place[]) =>
  Promise.resolve({ rows: rows.map(placeOf), lines: rows.map(nameOf) });

export const partitionsWord = (count: number): string => (count === 1 ? 'partition' : 'partitions');
