import { randomUUID } from 'node:crypto';
import { defineEvent } from '@convergekit/contracts';
import { WIRE } from '@convergekit/contracts/engine';
import { consumerService, defineConsumer } from '@convergekit/inbox';
import { memoryBroker } from '@convergekit/broker/testing';
import { policyBook } from '@convergekit/resilience';
import { type Database, type Executor } from '@convergekit/postgres';
import { executorOfClient } from '@convergekit/postgres/engine';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { z } from 'zod';
import { allMigrations } from '../all-migrations.ts';
import { type Examined, examine } from '../conditions/examine.ts';
import { lockItems, readLockHolders } from '../conditions/key-locks.ts';
import { databaseChecks } from '../conditions/registry.ts';
import { examineDatabase } from './examine-database.ts';
import { findingsOf } from './findings-of-checks.ts';

let database: Database;
const closers: (() => Promise<unknown>)[] = [];

/** Examines the database as `converge doctor` does with the default settings. */
function examined(ignoredConsumers: readonly string[] = []) {
  const one = { name: 'shop', database, executor: database.executor };
  return examineDatabase(one, { all: [one], bounds: { ...bounds, ignoredConsumers } });
}
const bounds = { overdueMs: 900_000, stalledMs: 600_000, ignoredConsumers: [] };

beforeAll(async () => {
  ({ database } = await migratedDatabase(inject('stack').databaseUrl, allMigrations, { prefix: 'examined' }));
  closers.push(() => database.close());
});
afterAll(async () => {
  for (const close of closers.toReversed()) await close();
});

const thing = defineEvent('cli.thing', {
  version: 1,
  topic: 'things',
  key: ({ id }: { id: string }) => id,
  data: z.object({ id: z.string() }),
});

/** Starts a consumer whose handler has a bug, and sends it two events of one key. */
async function deadLetter(): Promise<void> {
  const broker = memoryBroker();
  const admin = await broker.admin();
  for (const name of ['things', 'shelf.failures']) await admin.createTopic({ name, partitions: 1 });
  const shelf = defineConsumer('shelf', { from: 'first' }).on(thing, () => {
    throw new TypeError('no shelf');
  });
  const policies = policyBook({ consumer: { attempts: 1, giveUp: { afterMs: 0 } } });
  const service = consumerService([shelf], { database, broker, policies });
  await service.start();
  closers.push(
    () => broker.close(),
    () => service.stop(),
  );
  const producer = await broker.producer();
  const records = ['a', 'a'].map((id) => {
    const ids: [string, string][] = [
      [WIRE.id, randomUUID()],
      [WIRE.source, 'elsewhere'],
      [WIRE.type, thing.type],
      [WIRE.specVersion, '1.0'],
    ];
    return { key: id, value: JSON.stringify({ id }), headers: ids, timestampMs: 0 };
  });
  await producer.send([{ topic: 'things', partition: 0, records }]);
  await producer.close();
  await waitUntil(
    async () => (await database.executor.query('select from converge.parked')).rows.length === 2,
    { what: 'the dead letter and the event behind it' },
  );
}

describe('the doctor of a service', () => {
  it('the doctor finds an empty service sound', async () => {
    const { findings, topics } = await examined();
    expect(new Set(findings.map(({ verdict }) => verdict))).toEqual(new Set(['ok']));
    const checks = findings.map(({ check }) => check);
    expect(checks).toEqual(expect.arrayContaining(databaseChecks.map(({ name }) => name)));
    expect(topics).toEqual([]);
  });

  it('the doctor finds a dead letter, the event behind it, work without a worker, and a held reconciler', async () => {
    await deadLetter();
    await database.executor.query(
      `insert into converge.saga_work (id, consumer, handler, call, key, idempotency_key, input, cause, due_at, waits_since)
         values ($1, 'bank', 'h', 'bank.charge', 'k', 'i', '{}', '{}', clock_timestamp() - interval '1 hour', clock_timestamp() - interval '1 hour')`,
      [randomUUID()],
    );
    await database.executor.query(
      `insert into converge.reconciler (name, held_at, held_reason) values ('stock-copy', clock_timestamp(), 'too many repairs')`,
    );
    const { findings, topics } = await examined();
    const texts = findings.map(({ verdict, check, text }) => `${verdict} ${check}: ${text}`);
    expect(texts).toContainEqual(
      expect.stringMatching(
        /^fail alarm bug: shelf: 1 dead letter of 1 key of things, TypeError.*; of this topic 1 event waits behind such events/,
      ),
    );
    expect(texts).toContainEqual(
      expect.stringMatching(/^fail alarm call_undeclared: no worker does bank\.charge: 1 call waits/),
    );
    expect(texts).toContainEqual(
      expect.stringMatching(/^fail alarm reconcile_held: stock-copy is held: too many repairs/),
    );
    expect(new Set(topics)).toEqual(new Set(['things', 'shelf.failures']));
    const gone = await examined(['shelf']);
    expect(gone.topics).not.toContain('things');
    expect(gone.findings.map(({ check }) => check)).not.toContain('alarm bug');
  });

  // Planted fault: without the look at saga_worker, work that a busy worker has not reached counts as lost.
  it('the doctor finds no fault with work whose worker is there', async () => {
    await database.executor.query(
      `insert into converge.saga_worker (call, holder) values ('bank.charge', 'w')`,
    );
    const { findings } = await examined();
    const checks = findings.map(({ check }) => check);
    expect(checks).not.toContain('alarm call_undeclared');
    expect(findings.find(({ check }) => check === 'alarm calls_waiting')?.text).toMatch(
      /^1 call of bank\.charge waits: no attempt was made yet/,
    );
    expect(findings.find(({ check }) => check === 'alarm journal_overdue')?.text).toContain(
      'call bank.charge of key k is ready',
    );
  });

  // Planted fault: by the clock of the process, a wait of two minutes is not yet one.
  it('the doctor counts a wait by the clock of the database, which wrote it, where that of its process is five minutes behind', async () => {
    await database.executor.query(
      `with c as (insert into converge.inbox_consumer (name) values ('skewed') returning name)
       insert into converge.inbox_partition
         (consumer, topic, partition, start_offset, next_offset, wait_code, wait_reason, wait_since)
         select name, 'things', 0, 0, 0, 'breaker_open', 'the bank does not answer', clock_timestamp() - interval '2 minutes'
         from c`,
    );
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 300_000 });
    try {
      const { findings } = await examined();
      expect(findings.map(({ text }) => text)).toContainEqual(
        expect.stringMatching(
          /^skewed waits \(1 partition\), as its process noted: the bank does not answer \(for 2 min/,
        ),
      );
    } finally {
      vi.useRealTimers();
    }
  });

  it('the doctor names the session by whose locks an emit waits, and the statement that ends it', async () => {
    const emit = (executor: Executor) =>
      executor.query(`select converge.emit('things', 'k', 'cli.thing', '{}', '{}')`);
    const client = await database.acquire();
    const pid = String((await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid);
    await client.query('begin');
    await emit(executorOfClient(client));
    expect(await readLockHolders(database.executor, { waitsMs: 0 })).toEqual([]);
    const waiting = emit(database.executor);
    const found = await waitUntil(
      async () => {
        const holders = await readLockHolders(database.executor, { waitsMs: 0 });
        return holders.length > 0 ? lockItems(holders) : undefined;
      },
      { what: 'the session that waits for the lock' },
    );
    await client.query('rollback');
    client.release();
    await waiting;
    expect(found).toMatchObject([
      { alarm: 'locks_held', severity: 'watch', next: `select pg_terminate_backend(${pid})` },
    ]);
    expect(found[0]?.text).toMatch(
      new RegExp(
        `^session ${pid} \\(login \\w+, application ".*"\\) holds 1 lock .*; 1 session waits for it$`,
      ),
    );
  });

  it('the doctor skips what its role may not read', async () => {
    const { checked, now } = await examinedAs('grant select on converge.migration to');
    // Every role may see the state and the locks of a server.
    const findings = checked.flatMap((each) => findingsOf(each, now));
    const read = ['server', 'locks', 'migrations'];
    expect(findings.map(({ verdict, check }) => `${verdict} ${check}`).toSorted()).toEqual(
      databaseChecks.map(({ name }) => `${read.includes(name) ? 'ok' : 'skip'} ${name}`).toSorted(),
    );
  });

  it('the doctor refuses a database of which its role may read no table', async () => {
    await expect(examinedAs()).rejects.toThrow('permission denied for table migration');
  });
});

/** Examines the database with a role that may use the schema, and what `grants` give to it. */
async function examinedAs(...grants: readonly string[]): Promise<Examined> {
  const role = `examined_${String(process.pid)}`;
  const client = await database.acquire();
  try {
    await client.query(`create role ${role}; grant usage on schema converge to ${role}`);
    for (const grant of grants) await client.query(`${grant} ${role}`);
    await client.query(`set role ${role}`);
    const one = { name: 'shop', executor: executorOfClient(client) };
    return await examine({ one, all: [one], bounds });
  } finally {
    await client.query(`reset role; drop owned by ${role}; drop role ${role}`);
    client.release();
  }
}
