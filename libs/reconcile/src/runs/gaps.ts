import { type Executor, executorOf } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import type { GapKeys } from '../definition.ts';
import { enqueueAll } from '../key-queue.ts';
import { sweepUnled, type UnledRequest } from './unled-run.ts';

interface OpenGap {
  readonly gap: string;
  readonly topic: string;
  readonly partition: number;
  readonly source: string;
  readonly after: string;
  readonly up_to: string;
}

// Reads the partial index of open gaps of the inbox: a few rows.
const openSql = `
  select g.gap::text as gap, g.topic, g.partition, g.source, g.after, g.up_to from converge.inbox_open_gaps($1) g
   where not exists (select from converge.reconciler where name = $2 and g.gap = any (gaps))
   order by g.gap`;
const doneSql = `
  update converge.reconciler set gaps = array_append(gaps, $2::bigint) where name = $1 and $2 <> all (gaps)`;

/**
 * Queues the keys of events that the reconciler's consumer missed; every key if they are unknown.
 * It may be interrupted and repeated: a key is queued once however often it is reported. Returns the number of gaps.
 */
export async function queueGaps({
  reconciler,
  databases,
  holder,
  signal,
}: Omit<UnledRequest, 'cause' | 'actor'>): Promise<number> {
  const { gaps } = reconciler.keys;
  if (gaps === undefined) return 0;
  const executor = executorOf(databases.actual);
  const { rows } = await executor.query<OpenGap>(openSql, [gaps.consumer, reconciler.name]);
  let queued = 0;
  for (const gap of rows) {
    const cause = `gap ${gap.gap} of ${gaps.consumer}`;
    const keys = await keysOf(executorOf(databases.desired), gap, gaps);
    if (keys === undefined) {
      const run = { reconciler, databases, holder, cause: 'gap', actor: cause, everything: true } as const;
      if ((await sweepUnled({ ...run, ...(signal && { signal }) })) === undefined) return queued;
    } else {
      const { name, timing } = reconciler;
      await enqueueAll(executor, { reconciler: name, priority: 'event', cause, keys, ...timing });
    }
    await executor.query(doneSql, [reconciler.name, gap.gap]);
    queued += 1;
  }
  return queued;
}

const keysSql = `select key from converge.keys_between($1, $2, $3, $4, $5) as key`;

/**
 * SQLSTATEs that mean unknown keys: no longer kept (P0002), no such function (42883), no kit in the database (3F000).
 */
const UNKNOWN = ['P0002', '42883', '3F000'];

async function keysOf(
  source: Executor,
  gap: OpenGap,
  { key: ours = (key) => key }: GapKeys,
): Promise<readonly string[] | undefined> {
  try {
    const range = [gap.topic, gap.partition, gap.after, gap.up_to, gap.source];
    const { rows } = await source.query<{ key: string }>(keysSql, range);
    return rows.flatMap(({ key }) => ours(key, gap.topic) ?? []);
  } catch (error) {
    if (UNKNOWN.includes(sqlState(error) ?? '')) return undefined;
    throw error;
  }
}
