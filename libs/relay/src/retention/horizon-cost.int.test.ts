import { outboxMigrations } from '@convergekit/outbox';
import { connect, executorOfClient, migrate } from '@convergekit/postgres';
import { freshDatabase } from '@convergekit/testing';
import { expect, inject, it } from 'vitest';
import { relayMigrations } from '../migrations.ts';
import { readHorizon } from './retention-sql.ts';

/** Planted fault, seen to fail here: the parts of the statement are not materialized. */
it('the horizon of retention is found by three bisections, however many ticks there are', async () => {
  const database = connect({ url: await freshDatabase(inject('stack').databaseUrl, 'horizon'), max: 1 });
  try {
    await migrate(database, [outboxMigrations, relayMigrations]);
    const { executor } = database;
    await executor.query(
      `insert into converge.tick (number, snapshot, own, floor, ceil, nonce, epoch, term, created_at)
       select n, (n + 10 || ':' || n + 10 || ':')::pg_snapshot, (n + 10)::text::xid8, n, n, '0000000000000000', 1, 1,
              now() - interval '1 day'
         from generate_series(1, 2000) as n`,
    );
    await executor.query('update converge.relay_source set done_tick = 2000');
    await executor.query(
      `insert into converge.lease (name, holder, term, expires_at) values ('relay', 'h', 1, now())`,
    );
    const client = await database.acquire();
    try {
      await client.query(`begin; set local track_functions = 'all'`);
      const horizon = await readHorizon(executorOfClient(client), { lease: 'relay', term: 1n }, 1_000);
      const { rows } = await client.query<{ calls: string }>(
        `select calls from pg_stat_xact_user_functions where funcname = 'tick_last'`,
      );
      await client.query('rollback');
      expect({ sent: horizon?.sent, bisections: Number(rows[0]?.calls) }).toEqual({
        sent: 2_000n,
        bisections: 3,
      });
    } finally {
      client.release();
    }
  } finally {
    await database.close();
  }
});
