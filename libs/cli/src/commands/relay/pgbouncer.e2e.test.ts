/**
 * Everything through PgBouncer in transaction mode, before a Postgres of its own.
 * Code that was removed once, and a test here failed:
 * - the third argument of set_config (`true`, local) in outbox_append_one: the idle timeout stays in a pooled session;
 * - the statement timeout at each BEGIN behind a pooler: a transaction has none;
 * - the look for a pooler before LISTEN: sessions of the pooler listen for good;
 * - the cancelling of a detach from outside, with a session's `set lock_timeout` in its place: it stays there, too.
 */
import { randomBytes } from 'node:crypto';
import { defineEvent } from '@convergekit/contracts';
import { consumerService, defineConsumer } from '@convergekit/inbox';
import { kafkaBroker } from '@convergekit/kafka';
import { createOutbox } from '@convergekit/outbox';
import { connect, type Database, type Executor, executorOf } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { isPooled } from '@convergekit/postgres/operate';
import { embeddedPostgres } from '@convergekit/testing/engine';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { cli, startedCli, says, stopLeftovers } from '../../fixture/cli.ts';
import { killLeftovers, startCli } from '../../fixture/cli-process.ts';
import { pgbouncerMissing, startPgbouncer } from '../../fixture/pgbouncer.ts';

const missing = pgbouncerMissing();
if (missing !== undefined) process.stderr.write(`SKIPPED: pgbouncer.e2e: ${missing}\n`);

interface Tables {
  effects: { key: string; n: number };
}

const topic = `pgbouncer.${randomBytes(4).toString('hex')}`;
const counted = defineEvent('test.counted', {
  version: 1,
  topic,
  key: (data) => data.key,
  data: z.object({ key: z.string(), n: z.int() }),
});
const outbox = createOutbox([counted]);
const counter = defineConsumer<Tables>(`counter-${topic}`, { from: 'first' }).on(
  counted,
  async (event, { tx }) => {
    await tx.insertInto('effects').values(event.data).execute();
  },
);

const closers: (() => Promise<unknown>)[] = [];
const onClose = (close: () => Promise<unknown>): void => void closers.push(close);
let direct: Database<Tables>;
let pooled: Database<Tables>;
let env: Record<string, string>;

describe.skipIf(missing !== undefined)('through PgBouncer in transaction mode', () => {
  beforeAll(async () => {
    const server = await embeddedPostgres();
    onClose(() => server.dispose());
    await server.start();
    const url = await freshDatabase(server.address, 'pooled');
    const pooler = await startPgbouncer(server.address);
    onClose(() => pooler.stop());
    direct = connect<Tables>({ url });
    pooled = connect<Tables>({ url: pooler.through(url), max: 24 });
    onClose(() => direct.close());
    onClose(() => pooled.close());
    env = {
      DATABASE_URL: pooler.through(url),
      KAFKA_BROKERS: inject('stack').brokers,
      CONVERGE__RELAY__LEASE_MS: '4000',
      CONVERGE__RELAY__RETAIN_MS: '1',
      CONVERGE__RELAY__CHILD_EVENTS: '200',
    };
    expect(await cli(['migrate', '--quiet'], env)).toMatchObject({ code: 0 });
    for (const name of [topic, `counter-${topic}.failures`])
      expect(await cli(['topics', 'create', name, '--partitions', '3'], env)).toMatchObject({ code: 0 });
    await direct.executor.query(
      'create table effects (at bigserial primary key, key text not null, n int not null)',
    );
    await direct.executor.query(`select setval('converge.outbox_id', 1999800, false)`);
  });
  afterEach(async () => {
    killLeftovers();
    await stopLeftovers();
  });
  afterAll(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  it('PgBouncer is distinguished from a direct connection to the server, and doctor shows which one is used', async () => {
    expect([await isPooled(direct), await isPooled(pooled)]).toEqual([false, true]);
    const doctor = await cli(['doctor'], env);
    expect(doctor.stdout).toContain('a pooler is in between');
  });

  it('an event that is emitted through PgBouncer is announced to a session that listens directly', async () => {
    const listener = await direct.acquire();
    onClose(() => Promise.resolve(listener.release(true)));
    const heard: string[] = [];
    listener.on('notification', ({ payload }) => void heard.push(payload ?? ''));
    await listener.query('listen converge_outbox');
    await outbox.transaction(pooled.db, ({ emit }) => Promise.resolve(emit(counted({ key: 'heard', n: 1 }))));
    await waitUntil(() => heard.length > 0, { what: 'the notification' });
    expect(heard).toEqual(['1']);
  });

  it('G2a: a statement timeout holds in every transaction through PgBouncer, and stays in no session', async () => {
    const timed = connect<Tables>({
      url: pooled.pool.options.connectionString ?? '',
      statementTimeoutMs: 1_234,
    });
    onClose(() => timed.close());
    const show = async (executor: Executor) =>
      (await executor.query<{ now: string }>(`select current_setting('statement_timeout') as now`)).rows[0]
        ?.now;
    expect([
      await show(timed.executor),
      await kyselyTransaction(timed.db, {}, (tx) => show(executorOf(tx))),
      await kyselyTransaction(timed.db, { settings: 'none' }, (tx) => show(executorOf(tx))),
    ]).toEqual(['1234ms', '1234ms', '1234ms']);
    expect(await settingsOfSessions()).toMatchObject([{ statement: '0' }]);
  });

  it('G2a, N25: events are emitted, published and handled once and in order through PgBouncer, a standby takes over, and old children are removed', async () => {
    const broker = kafkaBroker({ brokers: inject('stack').brokers.split(','), clientId: 'pgbouncer' });
    onClose(() => broker.close());
    const consumer = consumerService([counter], { database: pooled, broker });
    const leader = startCli(['relay'], env);
    await says(leader, 'leading');
    const standby = startedCli(['relay'], env);
    await says(standby, 'standing by');
    await consumer.start();
    const write = (from: number, to: number): Promise<unknown> =>
      Promise.all(
        Array.from({ length: 8 }, async (_, writer) => {
          for (let n = from; n <= to; n += 1)
            await outbox.transaction(pooled.db, ({ emit }) =>
              Promise.resolve(emit(counted({ key: `k${writer}`, n }))),
            );
        }),
      );
    const writing = write(1, 60);
    await waitUntil(async () => (await effects()) > 100, { what: 'the first effects' });
    leader.child.kill('SIGKILL');
    await writing;
    await says(standby, 'leading');
    await write(61, 120);
    await waitUntil(async () => (await effects()) === 8 * 120 + 1, { what: 'all effects' });
    await consumer.stop();
    const { rows } = await direct.executor.query<{ key: string; ns: readonly number[] }>(
      'select key, array_agg(n order by at) as ns from effects group by key',
    );
    const written = rows.filter(({ key }) => key !== 'heard');
    expect(written).toHaveLength(8);
    for (const { ns } of written) expect(ns).toEqual(Array.from({ length: 120 }, (_, index) => index + 1));

    // Ticks come with events: a few more, and the range that is finished leaves.
    for (let n = 1; n <= 5; n += 1)
      await direct.executor.query(`select converge.emit($1, 'more', 'test.more', '{}')`, [topic]);
    await waitUntil(
      async () =>
        (
          await direct.executor.query<{ gone: boolean }>(
            `select to_regclass('converge.outbox_0') is null as gone`,
          )
        ).rows[0]?.gone,
      { what: 'the first child to leave' },
    );
    expect(await standby.stop()).toMatchObject({ code: 0 });
    expect(await settingsOfSessions()).toEqual([
      { idle: '0', lock: '0', statement: '0', sync: 'on', path: '"$user", public', listens: null },
    ]);
  });
});

async function effects(): Promise<number> {
  const { rows } = await direct.executor.query<{ n: number }>('select count(*)::int as n from effects');
  return rows[0]?.n ?? -1;
}

/** Reads the settings that other clients would find in the pooled sessions; round robin shows all sessions. */
async function settingsOfSessions(): Promise<unknown[]> {
  const found = new Map<string, unknown>();
  for (let look = 0; look < 60; look += 1) {
    const { rows } = await pooled.pool.query<Record<string, string>>(
      `select current_setting('idle_in_transaction_session_timeout') as idle, current_setting('lock_timeout') as lock,
              current_setting('statement_timeout') as statement, current_setting('synchronous_commit') as sync,
              current_setting('search_path') as path,
              (select string_agg(channel, ',') from pg_listening_channels() as channel) as listens`,
    );
    found.set(JSON.stringify(rows[0]), rows[0]);
  }
  return [...found.values()];
}
