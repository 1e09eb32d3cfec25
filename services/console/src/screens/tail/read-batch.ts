import { explain } from '@convergekit/operate/host';
import { readOverview } from '@convergekit/inbox/operate';
import { hasTables } from '@convergekit/postgres/engine';
import { readTail, type Tail } from '@convergekit/outbox/engine';
import { z } from 'zod';
import type { ConsoleDatabase, Databases } from '../../databases.ts';
import { where } from '../../present-sql.ts';
import type { Batch } from './tail-loop.ts';

/** The filter of a tail. All given conditions must hold. */
export const filterSchema = z.object({
  database: z.string().optional(),
  topic: z.string().optional(),
  type: z.string().optional(),
  key: z.string().optional(),
  /** Only topics that this consumer reads. */
  consumer: z.string().optional(),
});
type TailFilter = z.output<typeof filterSchema>;

/** Finds the topics of a filter; undefined = all topics. None where no database has the consumer. */
async function topicsOf(
  databases: Databases,
  { topic, consumer }: TailFilter,
): Promise<readonly string[] | undefined> {
  if (consumer === undefined) return topic === undefined ? undefined : [topic];
  const { rows } = await databases.gather(
    where('converge.inbox_partition', (executor) => readOverview(executor, consumer)),
  );
  const topics = [...new Set(rows.map((row) => row.topic))];
  return topic === undefined ? topics : topics.filter((one) => one === topic);
}

/** Makes the reads of a tail: each continues where the one before ended, database by database. */
export async function tailReader(
  databases: Databases,
  filter: TailFilter,
): Promise<(most: number) => Promise<Batch>> {
  const chosen = filter.database === undefined ? databases.all : [databases.get(filter.database)];
  const topics = await topicsOf(databases, filter);
  const { key, type } = filter;
  const snapshots = new Map<string, string>();
  const readOne = async ({ name, executor }: ConsoleDatabase, most: number): Promise<Tail | undefined> => {
    if (!(snapshots.has(name) || (await hasTables(executor, 'converge.outbox')))) return undefined;
    const tail = await readTail(executor, snapshots.get(name), { topics, key, type, most });
    snapshots.set(name, tail.snapshot);
    return tail;
  };
  const read = async (most: number): Promise<Batch> => {
    const share = Math.max(1, Math.floor(most / Math.max(1, chosen.length)));
    const events: Batch['events'][number][] = [];
    const unread: string[] = [];
    let matching = 0;
    for (const one of chosen)
      try {
        const tail = await readOne(one, share);
        matching += tail?.matching ?? 0;
        for (const event of tail?.events ?? []) events.push({ ...event, database: one.name });
      } catch (error) {
        unread.push(`${one.name}: ${explain(error).message}`);
      }
    return { events, matching, unread };
  };
  // The first read finds where each database is; later ones continue there.
  await read(1);
  return read;
}
