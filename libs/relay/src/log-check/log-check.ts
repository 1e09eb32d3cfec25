import type { Position } from '@converge/contracts';
import { type Admin, type Broker, BrokerError, type LogEnds } from '@converge/kafka';
import type { Executor } from '@converge/postgres';
import type { Cursor } from '../cursor.ts';
import type { SourceIdentity } from '../encode.ts';
import type { CursorRecord } from '../leadership-sql.ts';
import { eachOf } from './each-of.ts';
import { type LogEnd, readIdentity, readKnownTicks, readStoredIdentity } from './facts-sql.ts';
import {
  type Identity,
  judgeIdentity,
  judgePartition,
  type PartitionFacts,
  type PartitionVerdict,
  type Refusal,
} from './judge.ts';
import { findTail, type OwnRecord } from './own-records.ts';

/** Requests to the broker at the same time. A driver may have fewer in flight; more would only queue there. */
const AT_ONCE = 16;

export interface LogCheckRequest {
  readonly executor: Executor;
  readonly broker: Broker;
  readonly source: SourceIdentity;
  readonly cursors: readonly CursorRecord[];
  /** xmax of the latest tick's snapshot. */
  readonly tickXmax: bigint;
}

/** What was found. Everything that is not in `refusals` belongs together. */
export interface LogComparison {
  readonly identity: Identity;
  readonly partitions: number;
  readonly refusals: readonly Refusal[];
  /** Partitions in which nothing of ours is within reach: only the ends were compared. */
  readonly endsOnly: readonly string[];
  /** Topics that could not be compared, with the broker's reason; the relay halts them by itself. */
  readonly notCompared: readonly string[];
  /** Records of an epoch that was left, behind the marker of this one: the old primary lives, or had some in flight. */
  readonly olderBehind: readonly (OwnRecord & LogEnd)[];
  readonly ends: readonly LogEnd[];
}

/** Compares the log with the database. Rejects with a BrokerError when the broker does not answer. */
export async function compareLog(request: LogCheckRequest): Promise<LogComparison> {
  const { executor, broker, source, cursors } = request;
  const admin = await broker.admin();
  try {
    const notCompared: string[] = [];
    const facts = await readFacts(admin, source, cursors, notCompared);
    const ticks = facts.flatMap(({ tail: { newest, highest } }) =>
      [newest, highest].flatMap((record) => (record === undefined ? [] : [record.position.tick])),
    );
    const known = await readKnownTicks(executor, source.epoch, ticks);
    const identity = await readIdentity(executor);
    const moved = judgeIdentity(await readStoredIdentity(executor), identity, request.tickXmax);
    const verdicts = facts.map((one) => judgePartition(one, known));
    return {
      identity,
      partitions: facts.length,
      refusals: [...refusalsOf(verdicts), ...(moved === undefined ? [] : [moved])],
      endsOnly: facts.filter((_, at) => verdicts[at]?.kind === 'ends_only').map(nameOf),
      notCompared,
      olderBehind: facts.flatMap(({ topic, ends, tail }) =>
        tail.olderBehind === undefined
          ? []
          : [{ ...tail.olderBehind, topic, partition: ends.partition, latest: ends.latest }],
      ),
      ends: facts.map(({ topic, ends }) => ({ topic, partition: ends.partition, latest: ends.latest })),
    };
  } finally {
    await admin.close();
  }
}

function refusalsOf(verdicts: readonly PartitionVerdict[]): Refusal[] {
  const refusals = verdicts.flatMap((verdict) => (verdict.kind === 'refused' ? [verdict.refusal] : []));
  // A database that went back explains a log that seems to be behind, not the other way round.
  return refusals.sort((left, right) => left.code.localeCompare(right.code));
}

function nameOf({ topic, ends }: PartitionFacts): string {
  return `${topic}/${ends.partition}`;
}

async function readFacts(
  admin: Admin,
  source: SourceIdentity,
  cursors: readonly CursorRecord[],
  notCompared: string[],
): Promise<PartitionFacts[]> {
  const byTopic = [...Map.groupBy(cursors, ({ topic }) => topic)];
  // The broker must have answered even when there is nothing to compare yet.
  if (byTopic.length === 0) await requireAnswer(admin);
  const places = await eachOf(byTopic, AT_ONCE, async ([topic, recorded]) => {
    const ends = await endsOf(admin, topic);
    if (typeof ends === 'string') {
      notCompared.push(ends);
      return [];
    }
    const byPartition = new Map(ends.map((one) => [one.partition, one]));
    const recounted = ends.length !== recorded.length;
    return recorded.flatMap((cursor) => {
      const found = byPartition.get(cursor.partition);
      return found === undefined ? [] : [{ topic, ends: found, cursor, recounted }];
    });
  });
  return eachOf(places.flat(), AT_ONCE, async ({ topic, ends, cursor, recounted }) => {
    const at = positionOf(cursor);
    const tail = await findTail(
      admin,
      { topic, ends },
      { sourceId: source.id, epoch: source.epoch, cursor: at },
    );
    return { topic, ends, tail, cursor: at, lastEnd: cursor.logEnd, recounted };
  });
}

/** Any answer will do: a broker that refuses to speak of a topic that does not exist is there. */
async function requireAnswer(admin: Admin): Promise<void> {
  try {
    await admin.describeTopic('converge.none');
  } catch (error) {
    if (!(error instanceof BrokerError) || error.kind !== 'halt_topic') throw error;
  }
}

/** A text says why this topic cannot be compared. */
export async function endsOf(admin: Admin, topic: string): Promise<readonly LogEnds[] | string> {
  try {
    return await admin.logEnds(topic);
  } catch (error) {
    if (error instanceof BrokerError && error.kind === 'halt_topic') return `${topic}: ${error.message}`;
    throw error;
  }
}

export function positionOf({ epoch, tick, id }: Cursor): Position {
  return { epoch, tick, id: BigInt(id) };
}
