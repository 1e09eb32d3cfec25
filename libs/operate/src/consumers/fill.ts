import { findGaps, type Gap } from '@convergekit/inbox/operate';
import { formatPosition } from '@convergekit/contracts/engine';
import { readSource } from '@convergekit/outbox/engine';
import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import { readMissing } from '@convergekit/relay/operate';
import type { NamedDatabase } from '../doctor/examine-database.ts';
import { act } from '../registry/act.ts';
import { actOnEach, isRefusal, requireExpected } from '../registry/each.ts';
import { wholeOf } from '../registry/fields.ts';
import { type Reads, withAdmin } from '../registry/reads.ts';
import { counted } from '../text.ts';
import { type Fill, fillGap } from './fill-gap.ts';
import { concerns, databasesOf, lastActsOn, ofConsumer, tables } from './partitions.ts';

/** A gap, the database that has it, and the outbox of its source; undefined: no known database is that source. */
interface Found {
  readonly gap: Gap;
  readonly database: NamedDatabase;
  readonly source: Executor | undefined;
}

/**
 * Reads the events that a consumer misses from its source's outbox into the consumer's database. They keep their
 * positions. A range is read whole before anything is written; a range that cannot be read whole is not filled at all.
 */
export const fill = act({
  name: 'consumers.fill',
  title: 'Fill the gaps',
  summary: 'put what a consumer misses into its inbox, read from the outbox of its source',
  did: 'filled',
  tables,
  input: {
    ...ofConsumer,
    limit: wholeOf('events', 'refuse when more events are missing in one partition', 100_000),
  },
  looksElsewhere: true,
  concerns,
  preview: async (reads, { consumer, limit }) => {
    const found = await gapsOf(reads, consumer);
    const unknown = found.filter(({ source }) => source === undefined);
    const names = [...new Set(unknown.map(({ gap }) => gap.source.name))].join(', ');
    const { fills, unreadable } = await readEach(found, limit);
    return {
      eligible: fills.length,
      unit: fills.length === 1 ? 'gap' : 'gaps',
      others: [
        {
          count: unknown.length,
          why: `what is missing is of ${names}, and no known database is this source: give it with --database, or as CONVERGE__DATABASES__<NAME>`,
        },
        ...unreadable.map((why) => ({ count: 1, why })),
      ],
      effect:
        'The events are read whole from the outbox of their source, and handled in order. A gap whose events are not kept any more is named, and stays. A partition that is halted at its gap then needs a resume.',
      refusal: unknown.length > 0 ? 'SOURCE_UNKNOWN' : 'RANGE_NOT_READABLE',
      notes: [...(await lastActsOn(reads, consumer)), ...fills.map(describe)],
      things: () => Promise.resolve({ rows: fills.map(rowOf), lines: [] }),
    };
  },
  run: async (reads, { consumer, limit }, acting) => {
    const { by, reason } = acting;
    const found = await gapsOf(reads, consumer);
    const { fills, unreadable } = await readEach(found, limit);
    requireExpected(fills.length, 'can be filled', acting);
    const { changed: done, refused } = await actOnEach(fills, acting, async (one) => {
      await fillGap(one.database.database, one, { by, reason });
    });
    const events = done.reduce((sum, one) => sum + one.events.length, 0);
    return {
      text:
        found.length === 0
          ? `${consumer} misses nothing: no partition is halted at a gap, and none that was passed is open`
          : `${counted(done.length, 'gap', 'gaps')} of ${consumer} filled with ${counted(events, 'event', 'events')}`,
      changed: done.length,
      refused: [...unreadable, ...refused.map(({ message }) => message)],
      lines: done.map(describe),
      value: done.map(rowOf),
    };
  },
});

/** Reads the gaps at which a consumer is halted, and those passed and not filled, each with the outbox of its source. */
async function gapsOf(reads: Reads, consumer: string): Promise<readonly Found[]> {
  const databases = await databasesOf(reads, consumer);
  return (await Promise.all(databases.map((database) => gapsIn(reads, database, consumer)))).flat();
}

/** Reads the gaps of a consumer in one database. */
export async function gapsIn(
  reads: Reads,
  database: NamedDatabase,
  consumer: string,
): Promise<readonly Found[]> {
  const sources = new Map<string, Executor>();
  for (const { executor } of await reads.known())
    if (await hasTables(executor, 'converge.relay_source'))
      sources.set((await readSource(executor)).id, executor);
  const gaps = await withAdmin(reads, (admin) => findGaps(database.executor, admin, consumer));
  return gaps.map((gap) => ({ gap, database, source: sources.get(gap.source.id) }));
}

interface Readable extends Fill {
  readonly database: NamedDatabase;
}

/** Reads the events of each gap whose source is known. One that its source does not keep whole is named. */
async function readEach(
  found: readonly Found[],
  limit: number,
): Promise<{ readonly fills: readonly Readable[]; readonly unreadable: readonly string[] }> {
  const [fills, unreadable]: [Readable[], string[]] = [[], []];
  for (const { gap, database, source } of found)
    if (source !== undefined)
      try {
        fills.push({ gap, database, events: await readMissing(source, { ...gap, limit }) });
      } catch (error) {
        if (!isRefusal(error)) throw error;
        unreadable.push(`${gap.topic}/${gap.partition}: ${error.message}`);
      }
  return { fills, unreadable };
}

/** The place of a gap. */
export const gapRow = ({ topic, partition, source, after, upTo }: Gap) => ({
  topic,
  partition,
  source: source.name,
  after: formatPosition(after),
  upTo: formatPosition(upTo),
});

const rowOf = ({ gap, events }: Fill) => ({ ...gapRow(gap), events: events.length });

function describe(one: Fill): string {
  const { topic, partition, events, source, after, upTo } = rowOf(one);
  return `${topic}/${partition}: ${events} events of ${source} after ${after}, up to ${upTo}`;
}
