import { chownSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { urlOf } from '@convergekit/postgres/engine';
import { waitUntil } from '@convergekit/testing';
import { embeddedPostgres, type EmbeddedServer } from '@convergekit/testing/engine';
import { run } from '../../programs.ts';
import { converge, type Environment, sourceState } from '../operator.ts';
import { fault, type Fault } from '../types.ts';
import type { EffectDb } from '../workloads/counted/events.ts';
import type { CountedPart } from '../workloads/counted/part.ts';
import { onServer, open } from '../workloads/counted/services.ts';
import type { Bins } from './installs.ts';
import {
  behindSql,
  copyingSql,
  digestSql,
  nowSql,
  publishSql,
  sequencesSql,
  subscribeSql,
  unsubscribeSql,
} from './logical-sql.ts';

export type UpgradeKind = 'pg_upgrade' | 'replication';

/** How a server of the drill is started. pg_upgrade wants both clusters with checksums or none; 18 has them by default. */
export function startedFrom(bin: string) {
  return {
    binaries: { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') },
    // The servers of this drill log in to each other.
    initdb: ['--data-checksums', '--auth=trust'],
    settings: { wal_level: 'logical', wal_receiver_status_interval: 1 },
  };
}

/** Moves all databases to the next major version of Postgres under load, as docs/runbooks/upgrade.md says. */
export function upgradeMove(kind: UpgradeKind, bins: Bins): Fault {
  return fault({
    name: `move-upgrade-${kind === 'replication' ? kind : 'files'}`,
    about: `Postgres is replaced by its next major version by ${kind}; writers pause, services move`,
    needs: ['counted'],
    inject: async ({ counted: part }) => {
      const next = await embeddedPostgres(startedFrom(bins.new));
      part.run.defer(() => next.dispose());
      await next.start();
      const places = [part.orders, ...part.consumers.values()];
      const databases = places.map(({ url }) => new URL(url).pathname.slice(1));
      const servers = { old: part.postgres, next, bins, databases };
      const versions = [await versionOf(part.postgres), await versionOf(next)];
      await part.moreEffects(3 * part.rate);
      if (kind === 'replication') await beginReplication(servers);
      await part.moreEffects(part.rate);
      await moveTo(part, kind, servers);
      await part.moreEffects(2 * part.rate);
      return { what: `from ${versions.join(' to ')}` };
    },
  });
}

async function moveTo(part: CountedPart, kind: UpgradeKind, servers: Servers): Promise<void> {
  const { clock, progress } = part.run;
  const places = [part.orders, ...part.consumers.values()];
  await part.writers?.pause();
  const paused = clock.monotonic();
  await waitUntil(async () => (await sourceState(part.envOf(part.orders))).backlog === 0, {
    what: 'the outbox to be published',
  });
  await part.relay?.stop();
  for (const service of part.services.values()) await service.stop();
  for (const { database } of places) await database.close();
  const moving = clock.monotonic();
  await (kind === 'replication' ? endReplication(servers) : byPgUpgrade(servers));
  const moved = clock.monotonic();
  for (const [at, place] of places.entries()) {
    place.url = urlOf(servers.next.address, servers.databases[at] ?? '');
    place.database = open<EffectDb>(place.url, part.run.defer);
    await confirmMove(part.envOf(place), `Postgres moved by ${kind}`);
  }
  part.writers?.resume(part.orders.database);
  const ms = (from: number, to: number): string => `${Math.round(to - from)} ms`;
  part.figures.push(
    ['without writes', ms(paused, clock.monotonic())],
    ['the move of the data', ms(moving, moved)],
  );
  progress.note(`writers go on after ${ms(paused, clock.monotonic())}`);
  await part.start();
}

/** Rebases a source that moved. Nothing may be behind the fork: everything was published before. */
async function confirmMove(env: Environment, reason: string): Promise<void> {
  const dry = ['source', 'rebase', '--dry-run'];
  const { phantoms } = await converge<{ readonly phantoms: readonly unknown[] }>(dry, env);
  if (phantoms.length > 0) throw new Error(`behind the fork: ${JSON.stringify(phantoms)}`);
  await converge(['source', 'rebase', '--reason', reason, '--yes'], env);
}

async function versionOf(server: EmbeddedServer): Promise<string> {
  const sql = "select current_setting('server_version') as version";
  return (await onServer<{ version: string }>(server, sql))[0]?.version ?? '?';
}

/** Moves all databases with pg_upgrade: both servers are stopped meanwhile. */
async function byPgUpgrade({ old, next, bins }: Servers): Promise<void> {
  const sql = "select current_setting('data_directory') as folder";
  const [from, to] = await Promise.all(
    [old, next].map(async (one) => (await onServer<{ folder: string }>(one, sql))[0]?.folder ?? ''),
  );
  await Promise.all([old.stop(), next.stop()]);
  const { uid, gid } = statSync(from ?? '');
  const folder = mkdtempSync(join(tmpdir(), 'converge-upgrade-'));
  chownSync(folder, uid, gid);
  const folders = ['-b', bins.old, '-B', bins.new, '-d', from ?? '', '-D', to ?? ''];
  const flags = [...folders, '-U', 'postgres', '--copy'];
  const env = { ...process.env, LC_ALL: 'C' };
  try {
    await run(join(bins.new, 'pg_upgrade'), flags, { cwd: folder, uid, gid, env, timeout: 300_000 });
  } catch (error) {
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
    throw new Error(`pg_upgrade failed: ${String(error)}\n${output}`, { cause: error });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  await next.start();
}

interface Servers {
  readonly old: EmbeddedServer;
  readonly next: EmbeddedServer;
  readonly bins: Bins;
  readonly databases: readonly string[];
}

/** Copies the databases while everything is at work, and follows them. */
async function beginReplication({ old, next, bins, databases }: Servers): Promise<void> {
  for (const name of databases) {
    await onServer(next, `create database ${name}`);
    const dump = ['--schema-only', '--no-publications', urlOf(old.address, name)];
    const schema = await run(join(bins.new, 'pg_dump'), dump, { maxBuffer: 67_108_864 });
    const loading = run(join(bins.new, 'psql'), ['-q', '-v', 'ON_ERROR_STOP=1', urlOf(next.address, name)]);
    loading.child.stdin?.end(schema.stdout);
    await loading;
    await onServer(old, publishSql, name);
    const connection = `host=127.0.0.1 port=${old.port} user=postgres dbname=${name}`;
    await onServer(next, subscribeSql(name, connection), name);
    await untilNone(next, name, copyingSql, `the tables of ${name} to be copied`);
  }
}

/** Ends the replication after the last change. Nothing may write into the old databases any more. */
async function endReplication({ old, next, databases }: Servers): Promise<void> {
  for (const name of databases) {
    const [now] = await onServer<{ lsn: string }>(old, nowSql, name);
    const behind = behindSql.replace('$1', `'${now?.lsn ?? '0/0'}'`);
    await untilNone(old, name, behind, `the last changes of ${name}`);
    for (const { sql } of await onServer<{ sql: string }>(old, sequencesSql, name))
      await onServer(next, sql, name);
    await onServer(next, unsubscribeSql(name), name);
    await onServer(next, digestSql, name);
  }
  await old.stop();
}

/** Waits until a statement counts nothing any more. */
async function untilNone(server: EmbeddedServer, name: string, sql: string, what: string): Promise<void> {
  const counted = async () => (await onServer<{ n: number }>(server, sql, name))[0]?.n;
  await waitUntil(async () => (await counted()) === 0, { what, everyMs: 100 });
}
