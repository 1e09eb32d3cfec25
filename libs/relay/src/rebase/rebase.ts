import { hostname } from 'node:os';
import { signingKey } from '@convergekit/contracts/engine';
import { type Admin, type Broker, BrokerError, type LogEnds, partitionId } from '@convergekit/broker/engine';
import { type Executor, withTransaction } from '@convergekit/postgres';
import { recordAct } from '@convergekit/postgres/operate';
import { systemClock, systemRandom } from '@convergekit/core';
import type { SourceIdentity } from '../batch/encode.ts';
import type { CursorRecord } from '../leader/takeover-sql.ts';
import { AT_ONCE, eachOf, READ_AT_ONCE } from '../log-check/each-of.ts';
import { readDisowned, readIdentity, readReach, readStoredIdentity } from '../log-check/facts-sql.ts';
import { isForeignCluster } from '../log-check/judge.ts';
import type { ActingOperator } from '../operate/acting-operator.ts';
import { LEASE } from '../options.ts';
import type { RelayDatabase } from '../ports.ts';
import { readLatestTick } from '../window/window-sql.ts';
import { holdLease } from './hold-lease.ts';
import { writeMarkers } from './marker.ts';
import { planRebase, type RebasePlan } from './plan.ts';
import { readLowestTick, requireLease, writeCursors, writePhantoms } from './rebase-sql.ts';
import { phantomsOf, type RebaseReport, report } from './report.ts';
import { readSourceState } from './source-sql.ts';
import { restamp } from './restamp.ts';
import { type PartitionScan, scanPartition } from './scan.ts';

/** A rebase, with the operator who asks for it: the reason is kept with the epoch and in the audit. */
export interface RebaseRequest extends ActingOperator {
  readonly database: RelayDatabase;
  readonly broker: Broker;
  /** Look only: take no lease, write nothing. @default false */
  readonly dryRun?: boolean;
  /** The value of ce_source. @default the name in converge.source */
  readonly sourceName?: string;
  /** The key of a source that signs: it signs the markers, too. @default none */
  readonly signingKey?: string;
  /** The time to wait for a relay that holds the lease, in milliseconds. @default 10_000 */
  readonly waitMs?: number;
}

/** Begins a new epoch at the last tick that log and database have in common. */
export async function rebaseSource(request: RebaseRequest): Promise<RebaseReport> {
  const { database, broker, sourceName, dryRun = false, waitMs = 10_000 } = request;
  const admin = await broker.admin();
  try {
    if (dryRun) {
      const { source, cursors, doneTick } = await readSourceState(database.executor);
      return await look(request, admin, source, cursors, doneTick);
    }
    return await holdLease(
      database,
      { holder: `rebase:${hostname()}:${process.pid}`, waitMs },
      (takeover) => {
        const source = { ...takeover.source, name: sourceName ?? takeover.source.name };
        return rebase(request, admin, { ...takeover, source });
      },
    );
  } finally {
    await admin.close();
  }
}

async function look(
  { database }: RebaseRequest,
  admin: Admin,
  source: SourceIdentity,
  cursors: readonly CursorRecord[],
  doneTick: bigint,
): Promise<RebaseReport> {
  const { places, notMarked } = await findPlaces(admin, cursors);
  const scans = await scanAll(admin, database.executor, source, places);
  const plan = await planOf(database.executor, source, doneTick, scans);
  const phantoms = await phantomsOf(database.executor, plan);
  const newTransactionIds = await isMoved(database.executor);
  return report({ dryRun: true, source, plan, phantoms, notMarked, newTransactionIds });
}

async function rebase(
  { database, broker, operator, reason, signingKey: secret }: RebaseRequest,
  admin: Admin,
  { source, cursors, doneTick, topics, term }: Parameters<Parameters<typeof holdLease>[2]>[0],
): Promise<RebaseReport> {
  const { executor } = database;
  const { places, notMarked } = await findPlaces(admin, cursors);
  const before = await planOf(executor, source, doneTick, await scanAll(admin, executor, source, places));
  const { epoch, forkedTick } = before;
  const markers = before.partitions.map(({ cursor, prev }) => ({
    topic: cursor.topic,
    partition: cursor.partition,
    prev,
  }));
  const signing = secret === undefined ? undefined : signingKey(secret);
  const offsets = await writeMarkers(
    broker,
    { source, epoch, forkedTick, reason, signing },
    markers,
    systemClock,
  );
  // The old primary may have written until the marker: only the records before it are final.
  const marked = places.map(({ cursor, ends }) => ({
    cursor,
    ends: { ...ends, latest: offsets.get(partitionId(cursor.topic, cursor.partition)) ?? ends.latest },
  }));
  const plan = {
    ...(await planOf(executor, source, doneTick, await scanAll(admin, executor, source, marked))),
    epoch,
  };
  const phantoms = await phantomsOf(executor, plan);
  const newTransactionIds = await isMoved(executor);
  const heldAt = topics.flatMap((topic) => topic.heldAt ?? []).reduce(lower, undefined);
  const { tick: latest } = await readLatestTick(executor);
  const identity = await readIdentity(executor);
  await withTransaction(database, { clock: systemClock, random: systemRandom }, async (tx) => {
    await requireLease(tx, LEASE, term);
    await tx.query('update converge.source set epoch = $1', [epoch]);
    await writePhantoms(tx, epoch, phantoms);
    const after = { epoch, forkedTick: `${plan.forkedTick}`, phantoms: phantoms.length };
    await recordAct(tx, { act: 'source rebase', subject: source.name, by: operator, reason, after });
    const going = newTransactionIds
      ? await restamp(tx, plan, { latestTick: latest.number, heldAt, term })
      : plan;
    const next = going.partitions.map(({ cursor, prev, passed, end }) => ({
      topic: cursor.topic,
      partition: cursor.partition,
      prev,
      passed,
      logEnd: end + 1n,
    }));
    await writeCursors(tx, { doneTick: going.doneTick, cursors: next, identity });
  });
  return report({ dryRun: false, source, plan, phantoms, notMarked, newTransactionIds });
}

interface MarkedPlace {
  readonly cursor: CursorRecord;
  readonly ends: LogEnds;
}

async function findPlaces(
  admin: Admin,
  cursors: readonly CursorRecord[],
): Promise<{ readonly places: readonly MarkedPlace[]; readonly notMarked: readonly string[] }> {
  const notMarked: string[] = [];
  const sorted = cursors.toSorted(
    (left, right) => left.topic.localeCompare(right.topic) || left.partition - right.partition,
  );
  const byTopic = [...Map.groupBy(sorted, ({ topic }) => topic)];
  const places = await eachOf(byTopic, AT_ONCE, async ([topic, recorded]) => {
    const found = await endsOf(admin, topic);
    if (typeof found === 'string') {
      notMarked.push(found);
      return [];
    }
    const ends = new Map(found.map((one) => [one.partition, one]));
    return recorded.flatMap((cursor) => {
      const place = ends.get(cursor.partition);
      return place === undefined ? [] : [{ cursor, ends: place }];
    });
  });
  return { places: places.flat(), notMarked };
}

/** The ends of a topic's partitions, or why the topic cannot be read. */
async function endsOf(admin: Admin, topic: string): Promise<readonly LogEnds[] | string> {
  try {
    return await admin.logEnds(topic);
  } catch (error) {
    if (error instanceof BrokerError && error.kind === 'halt_topic') return `${topic}: ${error.message}`;
    throw error;
  }
}

async function scanAll(
  admin: Admin,
  executor: Executor,
  source: SourceIdentity,
  places: readonly MarkedPlace[],
): Promise<readonly PartitionScan[]> {
  const reach = await readReach(executor, source.epoch);
  const disowned = await readDisowned(executor);
  return eachOf(places, READ_AT_ONCE, ({ cursor, ends }) =>
    scanPartition(
      admin,
      executor,
      { topic: cursor.topic, ends },
      {
        source,
        cursor,
        reach,
        disowned: disowned.get(partitionId(cursor.topic, cursor.partition)) ?? new Set(),
      },
    ),
  );
}

async function planOf(
  executor: Executor,
  { epoch }: SourceIdentity,
  doneTick: bigint,
  scans: readonly PartitionScan[],
): Promise<RebasePlan> {
  const { tick } = await readLatestTick(executor);
  const lowestTick = await readLowestTick(executor);
  return planRebase({ epoch, latestTick: tick.number, lowestTick, doneTick, scans });
}

async function isMoved(executor: Executor): Promise<boolean> {
  const { tick } = await readLatestTick(executor);
  return isForeignCluster(
    await readStoredIdentity(executor),
    await readIdentity(executor),
    tick.snapshot.xmax,
  );
}

function lower(left: bigint | undefined, right: bigint): bigint {
  return left === undefined || right < left ? right : left;
}
