import { memoryBroker } from '@convergekit/broker/testing';
import { connect, type Database, withTransaction } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { describe, expect, inject, test } from 'vitest';
import { checkLog, faultless, readLog } from './fixture/log-check.ts';
import { ownPostgres, reconfigure, shutDownImmediately } from './fixture/own-postgres.ts';
import { closeAfterEach, closing, onClose, silent, started } from './fixture/running.ts';
import { createTopic, topicName, untilDrained, writeMany } from './fixture/set-up.ts';
import type { Relay } from './relay.ts';

/**
 * Tests on a separate Postgres with fsync that is shut down or made to warn. Code that was removed once, and a test
 * here failed:
 * - the tick's own `synchronous_commit = on` (`durable` in the poll): hundreds of phantoms after an immediate shutdown;
 * - the look at warnings after a tick (`warned` in the ticker): events are sent at the first cancelled wait;
 * - the poll's own `client_min_messages` (`heard`): the same.
 */

closeAfterEach();

describe('with synchronous_commit = off for every session', () => {
  test('G1c: with synchronous_commit off, an immediate shutdown of Postgres leaves no event in the log that the outbox does not have', async () => {
    const own = await ownPostgres({ synchronous_commit: 'off' });
    const { database, server } = own;
    const broker = closing(memoryBroker());
    const topic = await createTopic(broker, topicName(), 4);
    const timing = { leaseMs: 1_000, renewMs: 200, stopBeforeMs: 300, standbyMs: 50 };
    const service = await started({ database, broker, ...timing });
    for (let round = 0; round < (inject('full') ? 3 : 1); round += 1) {
      // Only a commit that waits for the flush flushes the log.
      await reconfigure(own, { wal_writer_delay: "'10s'", wal_writer_flush_after: "'2GB'" });
      const before = service.status().published;
      const committed: string[] = [];
      const writers = Array.from({ length: 6 }, (_, at) => writeUntilItEnds(database, topic, at, committed));
      await waitUntil(() => service.status().published > before + 1_500, { what: 'events to be published' });
      await shutDownImmediately(own);
      await Promise.all(writers);
      await server.start();
      await waitUntil(() => service.status().state === 'leading', { what: 'the relay to lead again' });
      await untilDrained(database);
      const verdict = await checkLog(database.executor, topic, await readLog(broker, topic));
      const gone = await missing(database, committed);
      process.stderr.write(
        `immediate shutdown ${round + 1}: ${gone} commits gone, ${JSON.stringify(verdict)}\n`,
      );
      expect(verdict).toMatchObject(faultless);
    }
  });
});

describe('a synchronous standby that is not connected', () => {
  test('G1c: nothing of a tick whose wait for a standby was cancelled is sent until a later tick was confirmed', async () => {
    // Only the tick waits for more than its own disk, as behind writers with synchronous_commit = local. The session
    // would not report the cancelled wait.
    const own = await ownPostgres({ synchronous_commit: 'local', client_min_messages: 'error' });
    const { database, admin } = own;
    const broker = closing(memoryBroker());
    const topic = await createTopic(broker, topicName(), 2);
    const warnings: string[] = [];
    const log = { ...silent, warn: (_: object, text: string) => warnings.push(text) };
    const service = await started({ database, broker, log });
    await writeMany(database, topic, 300);
    await untilDrained(database);
    await reconfigure(own, { synchronous_standby_names: "'absent'" });
    await writeMany(database, topic, 300);
    const visible = async () =>
      (await database.executor.query<{ n: number }>('select max(number)::int as n from converge.tick'))
        .rows[0]?.n ?? 0;
    const first = await visible();
    for (let cancelled = 1; cancelled <= 3; cancelled += 1) {
      await waitUntil(async () => (await cancelWaits(admin)) === 1, { what: 'a commit that waits' });
      await waitUntil(async () => (await visible()) === first + cancelled, {
        what: 'a tick that is visible',
      });
    }
    // The fourth commit is being waited for; the first three are visible, and none of them counts.
    await waitUntil(async () => (await waits(admin)) === 1, { what: 'the next commit that waits' });
    expect(warnings.filter((text) => text.startsWith('Postgres warned'))).toHaveLength(3);
    expect(service.status()).toMatchObject({ state: 'leading', published: 300 });
    await reconfigure(own, { synchronous_standby_names: "''" });
    await untilDrained(database);
    const events = await readLog(broker, topic);
    expect(await checkLog(database.executor, topic, events)).toMatchObject({ ...faultless, events: 600 });
    // The events keep the positions of the tick that saw them first.
    expect(new Set(events.slice(-1).map(({ position }) => position.split('.')[1]))).toEqual(
      new Set([String(first + 1)]),
    );
  });
});

describe('a synchronous standby that hangs', () => {
  test('two relays that wait for a hanging standby name it, a COMMIT outlives statementTimeoutMs, and all succeed when it is not awaited any more', async () => {
    const own = await ownPostgres();
    const { database, url, admin } = own;
    const broker = closing(memoryBroker());
    const topic = await createTopic(broker, topicName(), 2);
    const timing = {
      leaseMs: 1_000,
      renewMs: 200,
      stopBeforeMs: 300,
      standbyMs: 50,
      surveyMs: 100,
      alarmAfterMs: 0,
    };
    const services = [
      await started({ database, broker, ...timing }),
      await started({ database, broker, ...timing }),
    ];
    await waitUntil(() => services.some((service) => service.status().state === 'leading'), {
      what: 'a leader',
    });
    // A commit that waits keeps its locks: no survey goes past this one, as behind that of a new child of the outbox.
    const locking = await database.acquire();
    await locking.query('begin');
    await locking.query('lock table converge.relay_topic in access exclusive mode');
    await locking.query(`insert into ledger (key, n) values ('locked', 0)`);
    const bounded = connect({ url, statementTimeoutMs: 1_000 });
    onClose(() => bounded.close());
    const written = Promise.withResolvers<undefined>();
    const absent = Promise.withResolvers<undefined>();
    let answered: unknown;
    const emitted = withTransaction(bounded, {}, async (tx) => {
      await tx.query(`select converge.emit($1, 'k1', 'test.event', '{"key":"k1","n":1}', '{}')`, [topic]);
      written.resolve(undefined);
      await absent.promise;
    }).then(
      () => (answered = 'committed'),
      (error: unknown) => (answered = error),
    );
    await Promise.race([written.promise, emitted]);
    // A failed test would wait for its own commits without end.
    onClose(() => reconfigure(own, { synchronous_standby_names: "''" }));
    await reconfigure(own, { synchronous_standby_names: "'absent'" });
    await waitUntil(async () => (await waits(admin)) > 0, { what: 'commits to wait' });
    absent.resolve(undefined);
    const locked = locking.query('commit').finally(() => locking.release());
    const named = (service: Relay): boolean =>
      service.status().alarms.some(({ name }) => name === 'commits_wait');
    await waitUntil(() => services.every(named), { what: 'both relays to name the standby' });
    for (const service of services)
      expect(service.status().alarms.map(({ name }) => name)).not.toContain('lease_margin_short');
    expect(answered).toBeUndefined();
    await reconfigure(own, { synchronous_standby_names: "''" });
    await locked;
    await emitted;
    expect(answered).toBe('committed');
    await untilDrained(database);
    await waitUntil(() => !services.some(named), { what: 'the alarm to clear' });
  });
});

/**
 * Writes one event per transaction, `n` in commit order per key, until the server ends. Records the ids of events whose
 * commit was answered.
 */
async function writeUntilItEnds(
  database: Database,
  topic: string,
  at: number,
  committed: string[],
): Promise<void> {
  const client = await database.acquire();
  try {
    for (let n = at; ; n += 1) {
      const { rows } = await client.query<{ event_id: string }>(
        `with counted as (update ledger set n = n + 1 where key = $2 returning key, n)
         insert into converge.outbox (event_id, topic, key, type, headers, payload)
         select gen_random_uuid(), $1, key, 'test.event', '{}', json_build_object('key', key, 'n', n)::text from counted
         returning event_id::text`,
        [topic, `k${n % 20}`],
      );
      committed.push(rows[0]?.event_id ?? '');
    }
  } catch {
    client.release(true);
  }
}

async function missing(database: Database, ids: readonly string[]): Promise<number> {
  const { rows } = await database.executor.query<{ n: number }>(
    `select count(*)::int as n from unnest($1::uuid[]) as given (id)
      where not exists (select from converge.outbox where event_id = given.id)`,
    [ids],
  );
  return rows[0]?.n ?? -1;
}

const waiting = `from pg_stat_activity where wait_event = 'SyncRep'`;
type Statements = Awaited<ReturnType<typeof ownPostgres>>['admin'];

async function waits(admin: Statements): Promise<number> {
  return (await admin.query(`select ${waiting}`)).rowCount;
}

async function cancelWaits(admin: Statements): Promise<number> {
  return (await admin.query(`select pg_cancel_backend(pid) ${waiting}`)).rowCount;
}
