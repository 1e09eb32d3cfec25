import { systemClock } from '@convergekit/core';
import type { Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import {
  countEffects,
  countOutbox,
  type EffectCounts,
  isClean,
  judgeEffects,
  readOutbox,
} from '../drills/effects-sql.ts';
import { Operator } from '../drills/operator.ts';
import type { Drill } from '../drills/program.ts';
import { startConsumer, startRelay, untilApplied } from '../drills/services.ts';
import { Writers } from '../drills/writers.ts';
import { byPgUpgrade } from './by-pg-upgrade.ts';
import { beginReplication, endReplication } from './by-replication.ts';
import {
  buildWorld,
  DATABASES,
  onServer,
  openAll,
  type Opened,
  prepareAll,
  type Side,
  urlOf,
} from './world.ts';

export type UpgradeKind = 'pg_upgrade' | 'replication';

export interface UpgradeReport {
  readonly kind: UpgradeKind;
  readonly from: string;
  readonly to: string;
  readonly committed: number;
  /** Acknowledged commits that the new database does not have. */
  readonly lostCommits: number;
  /** Transactions that failed. */
  readonly refused: number;
  /** From the last write in the old database to the first possible one in the new, in milliseconds. */
  readonly withoutWritesMs: number;
  readonly effects: EffectCounts;
}

export function passed({ lostCommits, refused, effects }: UpgradeReport): boolean {
  return lostCommits === 0 && refused === 0 && isClean(effects);
}

export interface UpgradeOptions extends Drill {
  readonly rate: number;
  /** The folders of the programs of both versions. */
  readonly bins: { readonly old: string; readonly new: string };
}

/** Moves a source and a consumer's database to a new major version of Postgres under load. */
export async function upgrade(
  kind: UpgradeKind,
  { rate, bins, note, defer }: UpgradeOptions,
): Promise<UpgradeReport> {
  const world = await buildWorld(bins, defer);
  const operator = new Operator(note);
  const before = openAll(world.old, defer);
  await prepareAll(before);
  const writers = new Writers(before.orders, rate);
  writers.start();
  defer(() => writers.stop());
  const relay = await startRelay(before.orders, world.broker, defer);
  const consumer = await startConsumer('stock', before.stock, world.broker, defer);
  await untilApplied(before.stock, 3 * rate);
  const versions = { from: await versionOf(world.old), to: await versionOf(world.new) };
  note(`${versions.from} to ${versions.to} by ${kind}`);
  if (kind === 'replication') await beginReplication(world);
  await untilApplied(before.stock, (await countEffects(before.stock.executor)) + rate);

  await writers.pause();
  const paused = systemClock.monotonic();
  await untilDrained(before.orders);
  await relay.stop();
  await consumer.stop();
  await closeAll(before);
  if (kind === 'replication') await endReplication(world);
  else await byPgUpgrade(world);
  for (const name of DATABASES)
    await operator.run(['source', 'rebase', '--reason', `Postgres ${versions.to}`, '--yes'], {
      DATABASE_URL: urlOf(world.new, name),
      KAFKA_BROKERS: world.brokers,
    });
  const after = openAll(world.new, defer);
  writers.resume(after.orders);
  const withoutWritesMs = Math.round(systemClock.monotonic() - paused);
  await startRelay(after.orders, world.broker, defer);
  await startConsumer('stock', after.stock, world.broker, defer);
  await untilApplied(after.stock, (await countEffects(after.stock.executor)) + 2 * rate);
  await writers.stop();
  const committed = await countOutbox(after.orders.executor);
  await untilApplied(after.stock, committed);
  const sent = await readOutbox(after.orders.executor);
  const kept = new Set(sent.map(({ key, n }) => `${key} ${n}`));
  return {
    kind,
    ...versions,
    committed,
    lostCommits: writers.acknowledged.filter(({ key, n }) => !kept.has(`${key} ${n}`)).length,
    refused: writers.refused,
    withoutWritesMs,
    effects: await judgeEffects(after.stock.executor, sent),
  };
}

/** Waits until the relay has published everything: what it saved last sees every row of the outbox. */
async function untilDrained({ executor }: Pick<Database, 'executor'>): Promise<void> {
  const sql = `
    select exists (select from converge.outbox where not pg_visible_in_snapshot(xid,
             (select snapshot from converge.tick where number = (select done_tick from converge.relay_source)))) as behind`;
  await waitUntil(async () => (await executor.query<{ behind: boolean }>(sql)).rows[0]?.behind === false, {
    what: 'the outbox to be published',
  });
}

async function versionOf(side: Side): Promise<string> {
  const sql = "select current_setting('server_version') as version";
  return (await onServer<{ version: string }>(side, 'postgres', sql))[0]?.version ?? '?';
}

async function closeAll(databases: Opened): Promise<void> {
  for (const name of DATABASES) await databases[name].close();
}
