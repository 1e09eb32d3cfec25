import type { Admin } from '@convergekit/broker';
import { type Database, type Executor, withTransaction } from '@convergekit/postgres';
import type { Operator } from '@convergekit/postgres/operate';
import { readRecord } from '../plan/reading.ts';
import { type SignatureOptions, type Signatures, signaturesOf, verified } from '../plan/signatures.ts';
import { type Hole, newScan, type ReplayFrom, type ReplayScan, scanRecord } from './scan.ts';
import { InboxError } from '../errors.ts';
import type { PartitionKey } from '../slice/fence-sql.ts';
import { wasPassed } from '../gap/gap-sql.ts';
import { lockPartition, readPartition } from '../member/partition-sql.ts';
import { readSources } from '../member/source-sql.ts';
import { readTypes } from '../member/type-sql.ts';
import { auditPartition } from '../operate/audit.ts';
import { type AfterCompensation, KEEPS_AGREEMENT } from '../operate/contradiction.ts';
import {
  forgetForeign,
  forgetParked,
  readReported,
  type ReportedEvent,
  setBack,
  setWatermark,
} from './replay-sql.ts';

export interface ReplayPlan {
  readonly key: PartitionKey;
  readonly from: ReplayFrom;
  /** The offset to which the partition goes back; undefined when nothing is handled again. */
  readonly offset: bigint | undefined;
  /** The partition's offset, up to which the log was read. */
  readonly nextOffset: bigint;
  /** Events that are handled again, by type; without a handler they are skipped again. */
  readonly effects: readonly {
    readonly type: string;
    readonly handler: string | undefined;
    readonly events: number;
  }[];
  /**
   * Events missing in the log, which a replay cannot repeat: `passed` = the consumer passed them before, and does again; else
   * it halts there, and they are filled again.
   */
  readonly holes: readonly (Hole & { readonly passed: boolean })[];
  /** Given-up events that are handled again although other services may have compensated them. */
  readonly reported: readonly ReportedEvent[];
  readonly scan: ReplayScan;
  readonly signatures: Signatures | undefined;
}

/**
 * Plans a replay, and changes nothing. `options` are those of the consumer: a record that it does not accept as an event must
 * not decide where watermarks go back to.
 */
export async function planReplay(
  executor: Executor,
  admin: Admin,
  key: PartitionKey,
  from: ReplayFrom,
  options?: SignatureOptions,
): Promise<ReplayPlan> {
  const signatures = options && signaturesOf(options);
  const { consumer, topic, partition } = key;
  const row = await readPartition(executor, key);
  const ends = (await admin.logEnds(topic)).find((one) => one.partition === partition);
  if (row === undefined || ends === undefined)
    throw new InboxError(
      'REPLAY_REFUSED',
      `${consumer} has no partition ${topic}/${partition} in this database, or the broker has none`,
    );
  const scan = newScan();
  await read(executor, admin, key, { scan, from, signatures, start: ends.earliest, end: row.nextOffset });
  const types = (await readTypes(executor, consumer)).filter((one) => one.topic === topic);
  const effects = [...scan.events].map(([type, events]) => ({
    type,
    handler: types.find((one) => one.type === type || one.type.startsWith(`${type}:`))?.handler,
    events,
  }));
  const holes: (Hole & { passed: boolean })[] = [];
  for (const hole of scan.holes)
    holes.push({ ...hole, passed: await wasPassed(executor, key, hole.source, hole.upTo) });
  const { offset } = scan;
  const reported = offset === undefined ? [] : await readReported(executor, key, offset);
  return { key, from, offset, nextOffset: row.nextOffset, effects, holes, reported, scan, signatures };
}

export interface Replayed {
  readonly offset: bigint;
  /** Removed rows of events without a position, and of parked events. */
  readonly foreign: number;
  readonly parked: number;
  /** True when the partition is paused, and stays so: a resume begins the replay. */
  readonly paused: boolean;
}

/**
 * Sets a partition back in one transaction: offset, watermarks, and rows that would make later events repeats. Events
 * handled since the plan are read under the fence. The owner notices within `watchMs`. Handlers emit the same events
 * under the same ids again: a replay is not a new run. converge.audit records the operator and the reason. Throws
 * REPLAY_REPORTED when it would handle given-up events again whose failure events were emitted, unless `afterCompensation`.
 */
export async function replayPartition(
  database: Pick<Database, 'acquire'>,
  admin: Admin,
  { key, from, nextOffset, scan, signatures }: ReplayPlan,
  operator: Operator,
  { afterCompensation = false }: AfterCompensation = {},
): Promise<Replayed | undefined> {
  return withTransaction(database, {}, async (tx) => {
    const fence = await lockPartition(tx, key);
    if (fence === undefined || fence.nextOffset < nextOffset)
      throw new InboxError(
        'REPLAY_REFUSED',
        `${key.topic}/${key.partition} was set back meanwhile: run the command again`,
      );
    await read(tx, admin, key, { scan, from, signatures, start: nextOffset, end: fence.nextOffset });
    if (scan.offset === undefined) return undefined;
    const reported = await readReported(tx, key, scan.offset);
    if (!afterCompensation) refuseReported(key, reported);
    for (const [source, to] of scan.before) await setWatermark(tx, key, source, to);
    const foreign = await forgetForeign(tx, key.consumer, [...scan.foreign.values()]);
    const parked = await forgetParked(tx, key, scan.offset);
    await setBack(tx, key, scan.offset, fence);
    const ended = fence.halted === undefined || fence.paused ? {} : { halted: fence.halted.code };
    const act = {
      act: 'consumers replay',
      ...ended,
      fromOffset: fence.nextOffset,
      toOffset: scan.offset,
    } as const;
    const { by, reason } = operator;
    const why =
      reported.length === 0 ? reason : `after compensation of ${reported.length} given-up events: ${reason}`;
    await auditPartition(tx, key, act, { by, reason: why });
    return { offset: scan.offset, foreign, parked, paused: fence.paused };
  });
}

function refuseReported({ topic, partition }: PartitionKey, reported: readonly ReportedEvent[]): void {
  const [first] = reported;
  if (first === undefined) return;
  throw new InboxError(
    'REPLAY_REPORTED',
    `the replay of ${topic}/${partition} would handle ${reported.length} given-up events again (the first is parked event ${first.id}), and their failure events were emitted: each service that handles those may have compensated, and nothing would say to it that they took effect after all. ${KEEPS_AGREEMENT}. Begin after them, or replay them all the same with --after-compensation`,
    { category: 'data' },
  );
}

interface Stretch extends Pick<ReplayPlan, 'scan' | 'from' | 'signatures'> {
  readonly start: bigint;
  readonly end: bigint;
}

async function read(
  executor: Executor,
  admin: Admin,
  { consumer, topic, partition }: PartitionKey,
  { scan, from, signatures, start, end }: Stretch,
): Promise<void> {
  if (start >= end) return;
  const pinned = await readSources(executor, consumer);
  for await (const record of admin.read(topic, partition, start, end))
    scanRecord(scan, verified(readRecord(record), signatures, pinned), from, pinned);
}
