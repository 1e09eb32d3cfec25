import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import { nameSource, readSource } from '@convergekit/outbox/engine';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { executorOfClient } from '@convergekit/postgres/engine';
import { relayMigrations } from '@convergekit/relay';
import { readHorizonBlockers, readOutbox } from '@convergekit/relay/operate';
import { freshDatabase } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { missingMigrations } from '@convergekit/postgres/operate';
import { recordedPartitions, topicsOfOutbox } from '../../../../operate/src/doctor/topic-checks.ts';
import { allMigrations } from '../../../../operate/src/all-migrations.ts';
import { examineDatabase } from '../../../../operate/src/doctor/examine-database.ts';
import { heldTopics } from '../../../../operate/src/conditions/relay-items.ts';
import { checkPermissions, readPermissions } from '../../../../operate/src/doctor/permission-checks.ts';
import { checkSizes, readSizes } from '../../../../operate/src/doctor/size-checks.ts';
import {
  checkClock,
  checkServerSettings,
  readServerSettings,
} from '../../../../operate/src/doctor/settings-checks.ts';

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
  it('the doctor names the migrations that are missing, and changes nothing', async () => {
    const missing = await missingMigrations(database.executor, sets);
    expect(missing).toContain('postgres/001-schema');
    expect(missing).toContain('relay/001-schema');
    await migrate(database, [outboxMigrations]);
    expect(
      (await missingMigrations(database.executor, sets)).every((name) => name.startsWith('relay/')),
    ).toBe(true);
    await migrate(database, sets);
    expect(await missingMigrations(database.executor, sets)).toEqual([]);
  });

  it('the doctor counts events that no tick has published, and no others', async () => {
    // Planted fault: with the last value of a sequence that was not called, one event was written.
    const fresh = { backlog: 0, oldestMs: 0, holder: undefined, perMinute: 0 };
    expect(await readOutbox(database.executor)).toMatchObject(fresh);
    for (const key of ['a', 'b', 'c'])
      await database.executor.query(`select converge.emit('doctor.topic', $1, 't', '{}', '{}')`, [key]);
    const waiting = await readOutbox(database.executor);
    expect(waiting.backlog).toBe(3);
    expect(waiting.oldestMs).toBeGreaterThan(0);

    await database.executor.query(
      `insert into converge.tick (number, snapshot, own, floor, ceil, nonce, epoch, term)
       select 1, pg_current_snapshot(), pg_current_xact_id(), 3, 3, '0123456789abcdef', 1, 1`,
    );
    await database.executor.query('update converge.relay_source set done_tick = 1');
    expect((await readOutbox(database.executor)).backlog).toBe(0);
    await database.executor.query(`select converge.emit('doctor.topic', 'd', 't', '{}', '{}')`);
    expect((await readOutbox(database.executor)).backlog).toBe(1);
  });

  it('the doctor finds the topics of events and those that the relay recorded', async () => {
    await database.executor.query(
      `insert into converge.relay_topic (topic, partitions, held_at, held_reason, term) values ('doctor.old', 12, 1, 'TOPIC_UNKNOWN: gone', 1)`,
    );
    await migrate(database, [inboxMigrations]);
    await database.executor.query(
      `insert into converge.inbox_consumer (name) values ('stock');
       insert into converge.inbox_partition (consumer, topic, partition, start_offset, next_offset)
         select 'stock', topic, p, 0, 0 from generate_series(0, 3) as p, unnest('{doctor.old,doctor.read}'::text[]) as topic`,
    );
    expect([...(await recordedPartitions(database.executor))].toSorted()).toEqual([
      ['doctor.old', 12],
      ['doctor.read', 4],
    ]);
    expect(await topicsOfOutbox(database.executor)).toEqual(['doctor.old', 'doctor.topic']);
    expect(heldTopics(await readOutbox(database.executor))).toEqual([
      { topic: 'doctor.old', state: 'halted', code: 'TOPIC_UNKNOWN', detail: 'gone', heldAt: 1n },
    ]);
  });

  it('the doctor names the relay that leads', async () => {
    await database.executor.query(
      `insert into converge.lease values ('relay', 'host:1:abc', 1, clock_timestamp() + interval '1 minute')`,
    );
    expect((await readOutbox(database.executor)).holder).toBe('host:1:abc');
  });

  it('the doctor finds an open transaction that wrote, with its pid and application, and a prepared one', async () => {
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

  it('the doctor finds the settings and the clock of the development stack sound', async () => {
    expect(
      checkServerSettings(await readServerSettings(database.executor)).map((one) => one.verdict),
    ).not.toContain('fail');
    expect(await checkClock(database.executor)).toMatchObject({ check: 'clock', verdict: 'ok' });
  });

  it('the doctor names the rights that a role lacks for a relay, from the catalog and without trying', async () => {
    expect(checkPermissions(await readPermissions(database.executor))).toMatchObject([{ verdict: 'ok' }]);
    const role = `doctor_${String(process.pid)}`;
    const client = await database.acquire();
    await client.query(`create role ${role}; grant usage on schema converge to ${role};
      grant select on all tables in schema converge to ${role}; set role ${role}`);
    const found = await readPermissions(executorOfClient(client));
    await client.query(`reset role; drop owned by ${role}; drop role ${role}`);
    client.release();
    expect(found).toMatchObject({ role, seesOthers: false });
    expect(found.missing).toContain('insert on converge.tick');
    expect(found.missing).toContain('update on converge.relay_cursor');
    expect(found.missing).not.toContain('select on converge.outbox');
  });

  it('the doctor reads the size of the outbox from the catalog', async () => {
    const sizes = await readSizes(database.executor);
    expect(sizes.children).toBe(3);
    expect(sizes.outboxBytes).toBeGreaterThan(0);
    expect(checkSizes(sizes)).toMatchObject([{ check: 'outbox', verdict: 'ok' }]);
  });

  it('the doctor finds the id of the source unchanged when its name changes', async () => {
    const before = await readSource(database.executor);
    await nameSource(database.executor, 'orders');
    expect(await readSource(database.executor)).toEqual({ ...before, name: 'orders' });
  });

  // Planted fault: `all applied`, of a database that a newer version migrated.
  it('the doctor of an older version says that a newer one migrated the database', async () => {
    await migrate(database, allMigrations);
    const bounds = { overdueMs: 60_000, stalledMs: 60_000, ignoredConsumers: [] };
    const look = async () =>
      (
        await examineDatabase({ name: 'shop', database, executor: database.executor }, { all: [], bounds })
      ).findings
        .filter(({ check }) => check === 'migrations')
        .map(({ verdict, text }) => `${verdict}: ${text}`);
    // The service has migrations of its own.
    await database.executor.query(`insert into converge.migration values ('shop', 1, 'prices', 'x')`);
    expect(await look()).toEqual(['ok: all of this version are applied']);
    await database.executor.query(`insert into converge.migration values ('outbox', 99, 'later', 'x')`);
    expect(await look()).toEqual([
      'ok: all of this version are applied',
      expect.stringMatching(
        /^warn: all of this version are applied, .* does not know: outbox\/099-later\. A newer version/,
      ),
    ]);
  });
});
