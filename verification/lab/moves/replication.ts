import { join } from 'node:path';
import { urlOf } from '@convergekit/postgres/engine';
import { waitUntil } from '@convergekit/testing';
import type { EmbeddedServer } from '@convergekit/testing/engine';
import { run } from '../../programs.ts';
import { onServer } from '../workloads/counted/services.ts';
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
import type { Bins } from './installs.ts';

/** Both servers, and the names of the databases that move. */
export interface Servers {
  readonly old: EmbeddedServer;
  readonly next: EmbeddedServer;
  readonly bins: Bins;
  readonly databases: readonly string[];
}

/** Copies the databases while everything is at work, and follows them. */
export async function beginReplication({ old, next, bins, databases }: Servers): Promise<void> {
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
    await waitUntil(async () => (await onServer<{ n: number }>(next, copyingSql, name))[0]?.n === 0, {
      what: `the tables of ${name} to be copied`,
      everyMs: 200,
    });
  }
}

/** Ends the replication after the last change. Nothing may write into the old databases any more. */
export async function endReplication({ old, next, databases }: Servers): Promise<void> {
  for (const name of databases) {
    const [now] = await onServer<{ lsn: string }>(old, nowSql, name);
    const behind = behindSql.replace('$1', `'${now?.lsn ?? '0/0'}'`);
    await waitUntil(async () => (await onServer<{ n: number }>(old, behind, name))[0]?.n === 0, {
      what: `the last changes of ${name}`,
      everyMs: 100,
    });
    for (const { sql } of await onServer<{ sql: string }>(old, sequencesSql, name))
      await onServer(next, sql, name);
    await onServer(next, unsubscribeSql(name), name);
    await onServer(next, digestSql, name);
  }
  await old.stop();
}
