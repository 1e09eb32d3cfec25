import { type Position, START } from '@convergekit/contracts/engine';
import type { Admin } from '@convergekit/broker';
import type { Executor } from '@convergekit/postgres';
import { highest, judge, type Watermark } from '../plan/judge.ts';
import { readRecord } from '../plan/reading.ts';
import { readPassedGaps } from './gap-sql.ts';
import { readPartitions } from '../member/partition-sql.ts';
import { readSources } from '../member/source-sql.ts';
import { readWatermarks } from '../member/watermark-sql.ts';

/** A range of events that a partition misses: it halts at the gap, or passed it. */
export interface Gap {
  readonly consumer: string;
  readonly topic: string;
  readonly partition: number;
  readonly source: { readonly id: string; readonly name: string };
  /** The last event that was handled or filled; START when there is none. */
  readonly after: Position;
  /** The predecessor that the next event names. */
  readonly upTo: Position;
  /** Halted at this offset of the log, or past a gap of converge.inbox_gap. */
  readonly at:
    | { readonly kind: 'halted'; readonly nextOffset: bigint }
    | { readonly kind: 'passed'; readonly gap: string };
}

/** The maximum of records to read: duplicates and foreign events may precede the event at the gap. */
const LOOK_AHEAD = 10_000n;

/** Finds the gaps of a consumer: first passed and unfilled ones, then those at which it is halted. */
export async function findGaps(executor: Executor, admin: Admin, consumer: string): Promise<readonly Gap[]> {
  const pinned = await readSources(executor, consumer);
  return [
    ...(await passedGaps(executor, consumer, pinned)),
    ...(await haltedGaps(executor, admin, consumer, pinned)),
  ];
}

async function passedGaps(
  executor: Executor,
  consumer: string,
  pinned: ReadonlyMap<string, string>,
): Promise<readonly Gap[]> {
  return (await readPassedGaps(executor, consumer)).map(({ gap, source, ...range }) => ({
    consumer,
    ...range,
    source: { id: source, name: pinned.get(source) ?? source },
    at: { kind: 'passed', gap },
  }));
}

/** Finds the gaps of halted partitions as the consumer does: in the log from its offset on. */
async function haltedGaps(
  executor: Executor,
  admin: Admin,
  consumer: string,
  pinned: ReadonlyMap<string, string>,
): Promise<readonly Gap[]> {
  const halted = (await readPartitions(executor, consumer)).filter((row) => row.halted?.code === 'gap');
  if (halted.length === 0) return [];
  const watermarks = await readWatermarks(executor, consumer, halted);
  const gaps: Gap[] = [];
  for (const { topic, partition, nextOffset } of halted) {
    const seenBy = watermarks.get(`${topic}/${partition}`);
    const end = nextOffset + LOOK_AHEAD;
    for await (const record of admin.read(topic, partition, nextOffset, end)) {
      const { claim } = readRecord(record);
      if (claim?.prev === undefined || !pinned.has(claim.source)) continue;
      const seen = seenBy?.get(claim.source) ?? new Map<number, Watermark>();
      // The partition is halted, so an unseen source must start at its beginning.
      if (judge(claim, seen, 'first').kind !== 'gap') continue;
      const after = seen.get(claim.prev.epoch) ?? highest(seen) ?? START;
      const source = { id: claim.source, name: claim.sourceName };
      const at = { kind: 'halted', nextOffset } as const;
      gaps.push({ consumer, topic, partition, source, after, upTo: claim.prev, at });
      break;
    }
  }
  return gaps;
}
