import { type Position, START } from '@converge/contracts';
import type { Admin } from '@converge/kafka';
import type { Executor } from '@converge/postgres';
import { highest, judge } from '../decide/judge.ts';
import { readRecord } from '../decide/reading.ts';
import { readPartitions } from '../query/partition.ts';
import { readSources } from '../query/source.ts';
import { readWatermarks } from '../query/watermark.ts';

/** A partition that stands at a gap, and what is missing. */
export interface Gap {
  readonly consumer: string;
  readonly topic: string;
  readonly partition: number;
  readonly source: { readonly id: string; readonly name: string };
  /** The last event that was handled; START when there is none. */
  readonly after: Position;
  /** What the next event names as its predecessor. */
  readonly upTo: Position;
  /** Where the partition stands in the log. */
  readonly nextOffset: bigint;
}

/** Duplicates and strangers may lie between where a partition stands and the event that it cannot pass. */
const LOOK_AHEAD = 10_000n;

/** The gaps at which partitions of a consumer are halted, found as the consumer finds them. */
export async function findGaps(executor: Executor, admin: Admin, consumer: string): Promise<readonly Gap[]> {
  const halted = (await readPartitions(executor, consumer)).filter((row) => row.halted?.code === 'gap');
  if (halted.length === 0) return [];
  const pinned = await readSources(executor, consumer);
  const watermarks = await readWatermarks(executor, consumer, halted);
  const gaps: Gap[] = [];
  for (const { topic, partition, nextOffset } of halted) {
    const seenBy = watermarks.get(`${topic}/${partition}`);
    const end = nextOffset + LOOK_AHEAD;
    for await (const record of admin.read(topic, partition, nextOffset, end)) {
      const { claim } = readRecord(record);
      if (claim?.prev === undefined || pinned.get(claim.sourceName) !== claim.source) continue;
      const seen = seenBy?.get(claim.source) ?? new Map<number, Position>();
      // It is halted, so at first sight it wants the beginning.
      if (judge(claim, seen, 'beginning').kind !== 'gap') continue;
      const after = seen.get(claim.prev.epoch) ?? highest(seen) ?? START;
      const source = { id: claim.source, name: claim.sourceName };
      gaps.push({ consumer, topic, partition, source, after, upTo: claim.prev, nextOffset });
      break;
    }
  }
  return gaps;
}
