import type { SigningKey } from '@convergekit/contracts/engine';
import {
  type Admin,
  type Assignment,
  type Broker,
  BrokerError,
  partitionId,
} from '@convergekit/broker/engine';
import type { Executor } from '@convergekit/postgres';
import type { Source } from '@convergekit/outbox/engine';
import { readTopics } from '../topics/topic-sql.ts';
import type { CursorRecord } from '../leader/takeover-sql.ts';
import { isRecreated, recreatedText, unknownText } from '../topics/recreated.ts';
import { Deadline, type Unread, unreadOf } from './deadline.ts';
import { AT_ONCE, atMost, eachOf, READ_AT_ONCE } from './each-of.ts';
import { type LogEnd, readDatabase, readDisowned, readKnownTicks } from './facts-sql.ts';
import {
  type Identity,
  judgeIdentity,
  judgePartition,
  type PartitionFacts,
  type PartitionVerdict,
  type Refusal,
} from './judge.ts';
import type { ForgedRecord, Hole, OwnRecord, SignedFrom } from './own-records.ts';
import type { Reach } from './reach.ts';
import { judgeSequence } from './sequences.ts';
import { findTail } from './tail.ts';

export interface LogCheckRequest {
  readonly executor: Executor;
  readonly broker: Broker;
  readonly source: Source;
  readonly cursors: readonly CursorRecord[];
  /**
   * The signing key: records since a leader first had this key must carry its signatures. @default none are compared
   */
  readonly signingKey?: SigningKey | undefined;
  /** Ends the reading: what was not read until then is `unread`. @default never */
  readonly until?: Promise<unknown>;
}

/** The result of a comparison. Partitions that are neither in `refusals` nor in `unread` fit the database. */
export interface LogComparison {
  readonly identity: Identity;
  readonly partitions: number;
  readonly refusals: readonly Refusal[];
  /** Partitions without a record of this source within the limits: only the ends were compared. */
  readonly endsOnly: readonly string[];
  /** Partitions and topics whose log cannot be read at the moment, or not by us. Nothing may be sent to them before it was compared. */
  readonly unread: readonly Unread[];
  /** Records of an older epoch behind this epoch's marker: the old primary lives, or had some in flight. */
  readonly olderBehind: readonly (OwnRecord & LogEnd)[];
  /** Records in the name of this source that it cannot have written. They were skipped. */
  readonly forged: readonly (ForgedRecord & Assignment)[];
  /** Batches that cannot be decoded. They were skipped: the relay's own are not compressed. */
  readonly unreadable: readonly (Hole & Assignment)[];
  readonly ends: readonly LogEnd[];
}

/**
 * Compares the log of the partitions of `cursors` with the database. One that cannot be read is `unread`, by itself.
 * Rejects with a BrokerError when the broker does not answer at all.
 */
export async function compareLog(request: LogCheckRequest): Promise<LogComparison> {
  const { executor, broker, source } = request;
  const deadline = new Deadline(request.until);
  const admin = await deadline.within(broker.admin());
  try {
    const database = await readDatabase(executor, source.epoch);
    const { facts, unread } = await readFacts(admin, request, database.reach, deadline);
    const ticks = facts.flatMap(({ tail: { newest, highest } }) =>
      [newest, highest].flatMap((record) => (record === undefined ? [] : [record.position.tick])),
    );
    const known = await readKnownTicks(executor, source.epoch, ticks);
    const { identity } = database;
    const behind = judgeSequence(database.sequence, database.ceil);
    const moved = judgeIdentity(database.led, identity, database.tickXmax);
    const judged = facts.map((one) => ({ ...one, verdict: judgePartition(one, known) }));
    const recreated = await deadline.within(findRecreated(admin, judged));
    // Offsets of the old log mean nothing in the new one, which may be a complete copy: positions decide.
    const final = judged.map((one) =>
      recreated.has(one.topic)
        ? { ...one, verdict: judgePartition({ ...one, lastEnd: undefined }, known) }
        : one,
    );
    const isLost = ({ topic, verdict }: Judged): boolean => recreated.has(topic) && isBehind(verdict);
    const again = new Set(final.filter(isLost).map(({ topic }) => topic));
    const verdicts = final.filter((one) => !isLost(one)).map(({ verdict }) => verdict);
    return {
      identity,
      partitions: facts.length,
      // First the sequence: while it is behind, each other repair ends in ids that are given twice.
      refusals: [behind, ...refusalsOf(verdicts), moved].filter((refusal) => refusal !== undefined),
      endsOnly: final.filter(({ verdict }) => verdict.kind === 'ends_only').map(nameOf),
      unread: [
        ...unread.filter(({ topic }) => !again.has(topic)),
        ...[...again].map((topic) => ({
          topic,
          partition: undefined,
          code: 'TOPIC_RECREATED',
          why: recreatedText(topic),
        })),
      ],
      ...skippedIn(facts),
      ends: facts.map(({ topic, ends }) => ({ topic, partition: ends.partition, latest: ends.latest })),
    };
  } finally {
    await admin.close();
  }
}

type Judged = Fact & { readonly verdict: PartitionVerdict };

/** Finds topics whose log is behind because they were recreated: that concerns them alone. */
async function findRecreated(admin: Admin, judged: readonly Judged[]): Promise<ReadonlySet<string>> {
  const behind = new Map(
    judged.filter(({ verdict }) => isBehind(verdict)).map(({ topic, topicId }) => [topic, topicId]),
  );
  const again = new Set<string>();
  for (const [topic, topicId] of behind) {
    const described = topicId === undefined ? undefined : await admin.describeTopic(topic);
    if (described !== undefined && isRecreated(topicId, described.topicId)) again.add(topic);
  }
  return again;
}

function isBehind(verdict: PartitionVerdict): boolean {
  return verdict.kind === 'refused' && verdict.refusal.code === 'log_behind_cursor';
}

function skippedIn(
  facts: readonly PartitionFacts[],
): Pick<LogComparison, 'olderBehind' | 'forged' | 'unreadable'> {
  const inPlace = <T>(of: (facts: PartitionFacts) => readonly T[]): (T & Assignment)[] =>
    facts.flatMap((one) =>
      of(one).map((found) => ({ ...found, topic: one.topic, partition: one.ends.partition })),
    );
  return {
    olderBehind: inPlace(({ tail: { olderBehind }, ends: { latest } }) =>
      olderBehind === undefined ? [] : [{ ...olderBehind, latest }],
    ),
    forged: inPlace(({ tail }) => tail.forged),
    unreadable: inPlace(({ tail }) => tail.holes),
  };
}

function refusalsOf(verdicts: readonly PartitionVerdict[]): Refusal[] {
  const refusals = verdicts.flatMap((verdict) => (verdict.kind === 'refused' ? [verdict.refusal] : []));
  // A database that went back explains a log that seems to be behind, so its refusal comes first.
  return refusals.sort((left, right) => left.code.localeCompare(right.code));
}

function nameOf({ topic, ends }: PartitionFacts): string {
  return `${topic}/${ends.partition}`;
}

type Fact = PartitionFacts & { readonly topicId: string | undefined };

async function readFacts(
  admin: Admin,
  { executor, source, cursors, signingKey }: LogCheckRequest,
  reach: Reach,
  deadline: Deadline,
): Promise<{ readonly facts: readonly Fact[]; readonly unread: readonly Unread[] }> {
  const disowned = await readDisowned(executor);
  const names = [...new Set(cursors.map(({ topic }) => topic))];
  const onRecord = await readTopics(executor, names);
  const answer = requireAnswer(admin);
  answer.catch(() => undefined);
  const unread: Unread[] = [];
  const reading = atMost(READ_AT_ONCE);
  const byTopic = [...Map.groupBy(cursors, ({ topic }) => topic)];
  // Topics are read separately: one that does not answer must not use up the time of the others.
  const facts = await eachOf(byTopic, AT_ONCE, async ([topic, recorded]) => {
    const asked = await deadline.read({ topic }, () => admin.partitionEnds(topic));
    const { topicId, recreated = false, partitions = recorded.length } = onRecord.get(topic) ?? {};
    if ('why' in asked) {
      const isGone = asked.code === 'TOPIC_UNKNOWN';
      unread.push(isGone ? { ...asked, why: unknownText(topic, partitions) } : asked);
      return [];
    }
    const found = new Map(asked.value.map((one) => [one.partition, one]));
    const recounted = found.size !== partitions;
    const tails = recorded.map(async (cursor): Promise<Fact | undefined> => {
      const { partition } = cursor;
      const ends = found.get(partition);
      if (ends === undefined) return undefined;
      if (ends instanceof BrokerError) {
        unread.push(unreadOf({ topic, partition }, ends));
        return undefined;
      }
      const owner = {
        sourceId: source.id,
        reach,
        signed: signedFrom(cursor, signingKey),
        disowned: disowned.get(partitionId(topic, partition)),
      };
      const tail = await reading(() =>
        deadline.read({ topic, partition }, () => findTail(admin, { cursor, ends }, owner)),
      );
      if ('why' in tail) {
        unread.push(tail);
        return undefined;
      }
      const place = { topic, ends, topicId, recreated, recounted };
      return { ...place, tail: tail.value, cursor, lastEnd: cursor.logEnd };
    });
    return (await Promise.all(tails)).filter((one) => one !== undefined);
  });
  // The broker itself must have answered, also when nothing is or can be compared.
  if (byTopic.length === 0 || unread.length > 0) await deadline.within(answer);
  return { facts: facts.flat(), unread };
}

/** Returns the first signed offset; earlier records, and those of a replaced key, are compared by position only. */
function signedFrom({ signed }: CursorRecord, key: SigningKey | undefined): SignedFrom | undefined {
  return key === undefined || signed?.by !== key.id ? undefined : { key, offset: signed.from };
}

/** Rejects when the broker does not answer. A refusal to describe a topic that does not exist is an answer. */
async function requireAnswer(admin: Admin): Promise<void> {
  try {
    await admin.describeTopic('converge.none');
  } catch (error) {
    if (!(error instanceof BrokerError) || error.kind !== 'halt_topic') throw error;
  }
}
