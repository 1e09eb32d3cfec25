import { hostname } from 'node:os';
import { signingKey } from '@convergekit/contracts/engine';
import { type Admin, type Broker, BrokerError, type LogEnds, partitionId } from '@convergekit/broker/engine';
import { type Executor, withTransaction } from '@convergekit/postgres';
import { readDatabaseTime, releaseLease, renewLease } from '@convergekit/postgres/engine';
import type { Operator } from '@convergekit/postgres/operate';
import { ConvergeError, systemClock, systemRandom } from '@convergekit/core';
import { Renewals } from '@convergekit/core/engine';
import { type CursorRecord, takeOver, type Takeover } from '../leader/takeover-sql.ts';
import { AT_ONCE, eachOf, READ_AT_ONCE } from '../log-check/each-of.ts';
import { type DatabaseFacts, readDatabase, readDisowned } from '../log-check/facts-sql.ts';
import { isForeignCluster } from '../log-check/judge.ts';
import type { Place } from '../log-check/own-records.ts';
import { LEASE } from '../options.ts';
import type { RelayDatabase } from '../ports.ts';
import { requireSequences } from '../log-check/sequences.ts';
import { beginEpoch, rehearseEpoch } from './begin-epoch.ts';
import { writeMarkers } from './marker.ts';
import { planRebase, type RebasePlan } from './plan.ts';
import { readLowestTick } from './rebase-sql.ts';
import { phantomsOf, type RebaseReport, report } from './report.ts';
import { readSourceState } from './source-sql.ts';
import { scanPartition } from './scan.ts';

const TTL_MS = 10_000;

/** A rebase, with the operator who asks for it: the reason is kept with the epoch and in the audit. */
export interface RebaseRequest extends Operator {
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
  await requireSequences(database.executor);
  const admin = await broker.admin();
  try {
    if (dryRun) return await look(database.executor, admin, await readSourceState(database.executor));
    const holder = `rebase:${hostname()}:${process.pid}`;
    return await holdLease(database, { holder, waitMs }, (takeover) => {
      const source = { ...takeover.source, name: sourceName ?? takeover.source.name };
      return rebase(request, admin, { ...takeover, source });
    });
  } finally {
    await admin.close();
  }
}

type SourceNow = Pick<Takeover, 'source' | 'cursors' | 'doneTick'>;

async function look(executor: Executor, admin: Admin, now: SourceNow): Promise<RebaseReport> {
  const { places, notMarked } = await findPlaces(admin, now.cursors);
  const { plan, newTransactionIds } = await planAt(executor, admin, now, places);
  const phantoms = await phantomsOf(executor, plan);
  return report({ dryRun: true, source: now.source, plan, phantoms, notMarked, newTransactionIds });
}

async function rebase(
  { database, broker, by, reason, signingKey: secret }: RebaseRequest,
  admin: Admin,
  takeover: Takeover,
): Promise<RebaseReport> {
  const { executor } = database;
  const { source } = takeover;
  const { places, notMarked } = await findPlaces(admin, takeover.cursors);
  const before = await planAt(executor, admin, takeover, places);
  const { epoch, forkedTick } = before.plan;
  const signing = secret === undefined ? undefined : signingKey(secret);
  const marked = { source, epoch, forkedTick, reason, signing };
  // Markers cannot be taken back, so every statement has succeeded once before they are written.
  const expected = await phantomsOf(executor, before.plan);
  await rehearseEpoch(database, { ...before, takeover, phantoms: expected, by, reason });
  const offsets = await writeMarkers(broker, marked, before.plan.partitions, {
    clock: systemClock,
    atMs: await readDatabaseTime(executor),
  });
  // The old primary may have written until the marker: only the records before it are final.
  const final = places.map(({ cursor, ends }) => {
    const latest = offsets.get(partitionId(cursor.topic, cursor.partition)) ?? ends.latest;
    return { cursor, ends: { ...ends, latest } };
  });
  const found = await planAt(executor, admin, takeover, final);
  const plan = { ...found.plan, epoch };
  const phantoms = await phantomsOf(executor, plan);
  await beginEpoch(database, { ...found, takeover, plan, phantoms, by, reason });
  const { newTransactionIds } = found;
  return report({ dryRun: false, source, plan, phantoms, notMarked, newTransactionIds });
}

async function findPlaces(
  admin: Admin,
  cursors: readonly CursorRecord[],
): Promise<{ readonly places: readonly Place[]; readonly notMarked: readonly string[] }> {
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
    return recorded.flatMap((cursor) => {
      const ends = found.find(({ partition }) => partition === cursor.partition);
      return ends === undefined ? [] : [{ cursor, ends }];
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

interface Planned {
  readonly plan: RebasePlan;
  readonly facts: DatabaseFacts;
  /** The tables were loaded into another cluster. */
  readonly newTransactionIds: boolean;
}

/** Plans a rebase by what the logs hold up to their ends. */
async function planAt(
  executor: Executor,
  admin: Admin,
  { source: { id: sourceId, epoch }, doneTick }: SourceNow,
  places: readonly Place[],
): Promise<Planned> {
  const facts = await readDatabase(executor, epoch);
  const { reach, identity, led, tickXmax } = facts;
  const disowned = await readDisowned(executor);
  const scans = await eachOf(places, READ_AT_ONCE, (place) => {
    const { topic, partition } = place.cursor;
    const owner = { sourceId, reach, disowned: disowned.get(partitionId(topic, partition)) };
    return scanPartition(admin, executor, place, owner);
  });
  const lowestTick = await readLowestTick(executor);
  const plan = planRebase({ epoch, latestTick: reach.latest, lowestTick, doneTick, scans });
  return { plan, facts, newTransactionIds: isForeignCluster(led, identity, tickXmax) };
}

/**
 * Runs `fn` while no relay can lead: holds the lease, whose term fences a deposed relay's saves. A refused relay holds
 * the lease for a moment now and then, so this function retries until `waitMs` have passed.
 */
async function holdLease<T>(
  database: RelayDatabase,
  { holder, waitMs }: { readonly holder: string; readonly waitMs: number },
  fn: (takeover: Takeover) => Promise<T>,
): Promise<T> {
  const takeover = await take(database, holder, waitMs);
  const held = { name: LEASE, holder, term: takeover.term };
  const renew = () => renewLease(database.executor, { ...held, ttlMs: TTL_MS });
  try {
    // A renewal that fails is not fatal by itself: the last transaction asks for the term again.
    return await new Renewals({ renew, leaseMs: TTL_MS }).during(held, () => fn(takeover));
  } finally {
    await releaseLease(database.executor, held).catch(() => undefined);
  }
}

async function take(database: RelayDatabase, holder: string, waitMs: number): Promise<Takeover> {
  const deadline = systemClock.monotonic() + waitMs;
  for (;;) {
    const outcome = await withTransaction(database, { clock: systemClock, random: systemRandom }, (tx) =>
      takeOver(tx, { name: LEASE, holder, ttlMs: TTL_MS }),
    );
    if (outcome.kind === 'leading') return outcome.takeover;
    if (systemClock.monotonic() > deadline)
      throw new ConvergeError(
        `${outcome.heldBy} leads this source, or was killed and its lease lasts until ${outcome.expiresAt.toISOString()}: stop all its relays, and rebase after that time (a rebase is for a source whose relay refuses to lead)`,
        { code: 'SOURCE_LEASE_HELD', category: 'configuration', certainty: 'not_applied' },
      );
    await systemClock.sleep(20);
  }
}
