import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { waitUntil } from '@convergekit/testing';
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
import { DATABASES, onServer, type UpgradeWorld, urlOf } from './world.ts';

const run = promisify(execFile);

/** Copies the databases while everything is at work, and follows them. */
export async function beginReplication(world: UpgradeWorld): Promise<void> {
  for (const name of DATABASES) {
    await onServer(world.new, 'postgres', `create database ${name}`);
    const schema = await run(
      join(world.new.bin, 'pg_dump'),
      ['--schema-only', '--no-publications', urlOf(world.old, name)],
      { maxBuffer: 67_108_864 },
    );
    const loading = run(join(world.new.bin, 'psql'), ['-q', '-v', 'ON_ERROR_STOP=1', urlOf(world.new, name)]);
    loading.child.stdin?.end(schema.stdout);
    await loading;
    await onServer(world.old, name, publishSql);
    const { port } = new URL(world.old.server.address);
    const connection = `host=127.0.0.1 port=${port} user=postgres dbname=${name}`;
    await onServer(world.new, name, subscribeSql(name, connection));
    await waitUntil(async () => (await countOf(world, name)) === 0, {
      what: `the tables of ${name} to be copied`,
      everyMs: 200,
    });
  }
}

/** Ends the replication after the last change. Nothing may write into the old databases any more. */
export async function endReplication(world: UpgradeWorld): Promise<void> {
  for (const name of DATABASES) {
    const [now] = await onServer<{ lsn: string }>(world.old, name, nowSql);
    const behind = behindSql.replace('$1', `'${now?.lsn ?? '0/0'}'`);
    await waitUntil(async () => (await onServer<{ n: number }>(world.old, name, behind))[0]?.n === 0, {
      what: `the last changes of ${name}`,
      everyMs: 100,
    });
    for (const { sql } of await onServer<{ sql: string }>(world.old, name, sequencesSql))
      await onServer(world.new, name, sql);
    await onServer(world.new, name, unsubscribeSql(name));
    await onServer(world.new, name, digestSql);
  }
  await world.old.server.stop();
}

async function countOf(world: UpgradeWorld, name: string): Promise<number | undefined> {
  return (await onServer<{ n: number }>(world.new, name, copyingSql))[0]?.n;
}
