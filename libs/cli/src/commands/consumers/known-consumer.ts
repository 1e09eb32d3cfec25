import type { Executor } from '@convergekit/postgres';
import { reportLastActs } from '../../frame/last-acts.ts';
import type { CommandContext } from '../../frame/context.ts';
import { didYouMean, refused } from '@convergekit/operate/errors';

const consumersSql = `select name from converge.inbox_consumer order by name`;
const handlersSql = `
  select h.name from converge.inbox_consumer c, jsonb_each(c.types) as t (topic, own), jsonb_each_text(t.own) as h (type, name)
   where $1::text is null or c.name = $1
  union select handler from converge.parked where $1::text is null or consumer = $1`;

/** Refuses the name of a consumer that this database has not: an empty list would say that nothing is wrong. */
export async function requireConsumer(executor: Executor, consumer: string | undefined): Promise<void> {
  if (consumer === undefined) return;
  const { rows } = await executor.query<{ name: string }>(consumersSql);
  const names = rows.map(({ name }) => name);
  if (names.includes(consumer)) return;
  throw refused(
    'CONSUMER_UNKNOWN',
    `there is no consumer ${consumer} in this database${didYouMean(consumer, names)}: \`converge consumers list\` shows those that are`,
  );
}

/** Refuses the name of a consumer that this database has not, and reports the last act on one that it has. */
export async function consumerToActOn(
  context: CommandContext,
  executor: Executor,
  consumer: string,
): Promise<void> {
  await requireConsumer(executor, consumer);
  await reportLastActs(context, executor, [consumer], 'consumer');
}

/** Refuses a topic, or one of its partitions, that no row of a consumer has: nothing would match. */
export function requireRead<Row extends { readonly topic: string; readonly partition: number }>(
  consumer: string,
  all: readonly Row[],
  { topic, partition }: { readonly topic: string | undefined; readonly partition?: number | undefined },
): readonly Row[] {
  const found = all.filter(
    (row) => (topic ?? row.topic) === row.topic && (partition ?? row.partition) === row.partition,
  );
  if (found.length > 0) return found;
  const near = topic === undefined ? '' : didYouMean(topic, [...new Set(all.map((row) => row.topic))]);
  throw refused(
    'PARTITION_UNKNOWN',
    `${consumer} does not read ${partition === undefined ? '' : `partition ${partition} of `}${topic ?? 'any topic'} in this database${near}: \`converge consumers list ${consumer}\` shows what it reads`,
  );
}

/** Refuses the name of a handler that no consumer of this database, or not the one named, has. */
export async function requireHandler(
  executor: Executor,
  handler: string | undefined,
  consumer: string | undefined,
): Promise<void> {
  if (handler === undefined) return;
  const { rows } = await executor.query<{ name: string }>(handlersSql, [consumer ?? null]);
  const names = rows.map(({ name }) => name);
  if (names.includes(handler)) return;
  throw refused(
    'HANDLER_UNKNOWN',
    `there is no handler ${handler}${consumer === undefined ? '' : ` of ${consumer}`} in this database${didYouMean(handler, names)}: \`converge parked groups\` shows what is parked`,
  );
}
