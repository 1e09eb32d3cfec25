import { outboxMigrations } from '@converge/outbox';
import { connect, migrate, type Database } from '@converge/postgres';
import { readHorizonBlockers, relayMigrations } from '@converge/relay';
import { freshDatabase } from '@converge/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { missingMigrations } from '../migrations.ts';
import { topicsOfOutbox } from '../outbox-topics.ts';
import { nameSource } from '../source.ts';
import { readBacklog } from './backlog-checks.ts';
import { checkClock, checkServerSettings, readServerSettings } from './settings-checks.ts';

let database: Database;
const sets = [outboxMigrations, relayMigrations];

beforeAll(async () => {
  database = connect({
    url: await freshDatabase(inject('stack').databaseUrl, 'doctor'),
    applicationName: 'doctor-test',
  });
});
afterAll(() => database.close());

describe('the doctor on a real Postgres', () => {
  it('tells which migrations are missing, and changes nothing', async () => {
    const missing = await missingMigrations(database.executor, sets);
    expect(missing).toContain('postgres/001-lease');
    expect(missing).toContain('relay/001-relay');
    await migrate(database, [outboxMigrations]);
    expect(
      (await missingMigrations(database.executor, sets)).every((name) => name.startsWith('relay/')),
    ).toBe(true);
    await migrate(database, sets);
    expect(await missingMigrations(database.executor, sets)).toEqual([]);
  });

  it('counts what no tick has published, and forgets what one has', async () => {
    expect(await readBacklog(database.executor)).toEqual({
      events: 0,
      oldestMs: null,
      held: [],
      leader: null,
    });
    for (const key of ['a', 'b', 'c'])
      await database.executor.query(`select converge.emit('doctor.topic', $1, 't', '{}', '{}')`, [key]);
    const waiting = await readBacklog(database.executor);
    expect(waiting.events).toBe(3);
    expect(waiting.oldestMs).toBeGreaterThan(0);

    await database.executor.query(
      `insert into converge.tick (number, snapshot, own, floor, ceil, nonce, epoch, term)
       select 1, pg_current_snapshot(), pg_current_xact_id(), 3, 3, '0123456789abcdef', 1, 1`,
    );
    await database.executor.query('update converge.relay_source set done_tick = 1');
    expect((await readBacklog(database.executor)).events).toBe(0);
    await database.executor.query(`select converge.emit('doctor.topic', 'd', 't', '{}', '{}')`);
    expect((await readBacklog(database.executor)).events).toBe(1);
  });

  it('knows the topics of events and those that the relay recorded', async () => {
    await database.executor.query(
      `insert into converge.relay_topic (topic, held_at, held_reason, term) values ('doctor.old', 1, 'TOPIC_UNKNOWN: gone', 1)`,
    );
    expect(await topicsOfOutbox(database.executor)).toEqual(['doctor.old', 'doctor.topic']);
    expect((await readBacklog(database.executor)).held).toEqual([
      { topic: 'doctor.old', reason: 'TOPIC_UNKNOWN: gone' },
    ]);
  });

  it('names who leads', async () => {
    await database.executor.query(
      `insert into converge.lease values ('relay', 'host:1:abc', 1, clock_timestamp() + interval '1 minute')`,
    );
    expect((await readBacklog(database.executor)).leader).toBe('host:1:abc');
  });

  it('finds an open transaction that wrote, with its pid and application, and a prepared one', async () => {
    const client = await database.acquire();
    await client.query('begin');
    await client.query('select pg_current_xact_id()');
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const found = await readHorizonBlockers(database.executor, { olderThanMs: 0 });
    await client.query(`prepare transaction 'doctor-${String(rows[0]?.pid)}'`);
    const prepared = await readHorizonBlockers(database.executor, { olderThanMs: 0 });
    await client.query(`rollback prepared 'doctor-${String(rows[0]?.pid)}'`);
    client.release();
    expect(found).toContainEqual(
      expect.objectContaining({ holder: `pid ${String(rows[0]?.pid)}`, application: 'doctor-test' }),
    );
    expect(prepared).toContainEqual(
      expect.objectContaining({ holder: `prepared doctor-${String(rows[0]?.pid)}` }),
    );
  });

  it('finds the settings and the clock of the development stack sound', async () => {
    expect(
      checkServerSettings(await readServerSettings(database.executor)).map((one) => one.verdict),
    ).not.toContain('fail');
    expect(await checkClock(database.executor)).toMatchObject({ check: 'clock', verdict: 'ok' });
  });

  it('keeps the id of the source when its name changes', async () => {
    const before = await nameSource(database.executor);
    const after = await nameSource(database.executor, 'orders');
    expect(after).toEqual({ ...before, name: 'orders' });
    expect(await nameSource(database.executor)).toEqual(after);
  });
});
