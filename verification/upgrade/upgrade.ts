import { systemClock } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import {
  countEffects,
  countOutbox,
  type EffectCounts,
  isClean,
  judgeEffects,
  readOutbox,
} from '../drills/effects-sql.ts';
import { checkTheEnd, type Environment, Operator } from '../drills/operator.ts';
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
  type UpgradeWorld,
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
  /** The part of it that the move of the data took: pg_upgrade, or the end of the replication, in milliseconds. */
  readonly moveMs: number;
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
  await untilPublished(operator, environmentOf(world, world.old, 'orders'));
  await relay.stop();
  await consumer.stop();
  await closeAll(before);
  const moving = systemClock.monotonic();
  if (kind === 'replication') await endReplication(world);
  else await byPgUpgrade(world);
  const moveMs = Math.round(systemClock.monotonic() - moving);
  for (const name of DATABASES)
    await confirmMove(operator, environmentOf(world, world.new, name), `Postgres ${versions.to}`);
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
  await checkTheEnd(operator, environmentOf(world, world.new, 'orders'), [
    environmentOf(world, world.new, 'stock'),
  ]);
  const kept = new Set(sent.map(({ key, n }) => `${key} ${n}`));
  return {
    kind,
    ...versions,
    committed,
    lostCommits: writers.acknowledged.filter(({ key, n }) => !kept.has(`${key} ${n}`)).length,
    refused: writers.refused,
    withoutWritesMs,
    moveMs,
    effects: await judgeEffects(after.stock.executor, sent),
  };
}

function environmentOf(world: UpgradeWorld, side: Side, name: string): Environment {
  return { DATABASE_URL: urlOf(side, name), KAFKA_BROKERS: world.brokers };
}

async function untilPublished(operator: Operator, source: Environment): Promise<void> {
  await waitUntil(
    async () => (JSON.parse(await operator.run(['outbox', 'stats'], source)) as Stats).backlog === 0,
    { what: 'the outbox to be published' },
  );
}

interface Stats {
  readonly backlog: number;
}

/** Rebases a source that moved. Nothing may be behind the fork: everything was published before. */
async function confirmMove(operator: Operator, source: Environment, reason: string): Promise<void> {
  const planned = JSON.parse(await operator.run(['source', 'rebase', '--dry-run'], source)) as Rebase;
  if (planned.phantoms.length > 0) throw new Error(`behind the fork: ${JSON.stringify(planned.phantoms)}`);
  await operator.run(['source', 'rebase', '--reason', reason, '--yes'], source);
}

interface Rebase {
  readonly phantoms: readonly unknown[];
}

async function versionOf(side: Side): Promise<string> {
  const sql = "select current_setting('server_version') as version";
  return (await onServer<{ version: string }>(side, 'postgres', sql))[0]?.version ?? '?';
}

async function closeAll(databases: Opened): Promise<void> {
  for (const name of DATABASES) await databases[name].close();
}
