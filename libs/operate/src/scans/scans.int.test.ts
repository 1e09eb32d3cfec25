import { memoryBroker } from '@convergekit/broker/testing';
import { defineEvent } from '@convergekit/contracts';
import { sagaMigrations } from '@convergekit/saga';
import { consumerService, defineConsumer, inboxMigrations } from '@convergekit/inbox';
import { createOutbox, outboxMigrations } from '@convergekit/outbox';
import { type Database, type MigrationSet, withTransaction } from '@convergekit/postgres';
import { defineReconciler, from, reconcileMigrations, reconcilerService } from '@convergekit/reconcile';
import { relay, relayMigrations } from '@convergekit/relay';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { scanService } from './scan-service.ts';

const placed = defineEvent('shop.placed', {
  version: 1,
  topic: 'shop.orders',
  key: ({ order }: { order: string }) => order,
  data: z.object({ order: z.string() }),
});

let source: Database;
let target: Database;
const lines: Record<string, unknown>[] = [];
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  lines.length = 0;
  const open = async (prefix: string, sets: readonly MigrationSet[]): Promise<Database> => {
    const { database } = await migratedDatabase(inject('stack').databaseUrl, sets, { prefix });
    closing.push(() => database.close());
    return database;
  };
  source = await open('source', [outboxMigrations, relayMigrations]);
  const sets = [outboxMigrations, inboxMigrations, reconcileMigrations, sagaMigrations];
  target = await open('target', sets);
  return async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  };
});

/** Scans of both databases, with a bound that is over at once unless given. */
function scans(over: { stalledMs?: number; ignoredConsumers?: string[] } = {}) {
  const note = (fields: Record<string, unknown>): void => void lines.push(fields);
  return scanService({
    databases: [
      { name: 'source', executor: source.executor },
      { name: 'target', executor: target.executor },
    ],
    stalledMs: 1,
    overdueMs: 60_000,
    everyMs: 60_000,
    ignoredConsumers: [],
    log: { error: note, warn: note, info: note } as never,
    ...over,
  });
}

/** A source that sends, and a consumer of it that can be stopped. */
async function running(onGap: 'halt' | 'continue' = 'halt') {
  const broker = memoryBroker();
  closing.push(() => broker.close());
  const admin = await broker.admin();
  for (const name of ['shop.orders', 'stock.failures']) await admin.createTopic({ name, partitions: 1 });
  const sending = relay({ database: source, broker });
  closing.push(() => sending.stop());
  await sending.start();
  const outbox = createOutbox([placed]);
  const end = async (): Promise<bigint> => (await admin.logEnds('shop.orders'))[0]!.latest;
  const place = async (...orders: readonly string[]): Promise<void> => {
    const before = await end();
    await withTransaction(source, {}, (tx) =>
      outbox.append(
        tx,
        orders.map((order) => placed({ order })),
      ),
    );
    const sent = async (): Promise<boolean> =>
      (await end()) === before + BigInt(orders.length) && (await savedCursor()) >= (await newestId());
    await waitUntil(sent, { what: 'the relay to send them, and to save its cursor' });
  };
  const newestId = async (): Promise<number> =>
    Number(
      (await source.executor.query<{ id: string }>('select max(id)::text as id from converge.outbox')).rows[0]
        ?.id ?? 0,
    );
  const savedCursor = async (): Promise<number> =>
    Number(
      (await source.executor.query<{ id: string }>('select max(id)::text as id from converge.relay_cursor'))
        .rows[0]?.id ?? 0,
    );
  const handled: string[] = [];
  const stock = defineConsumer('stock', { from: 'first', onGap }).on(placed, (event) => {
    handled.push(event.data.order);
  });
  const consume = async (until: string): Promise<void> => {
    const service = consumerService([stock], { database: target, broker, watchMs: 20 });
    await service.start();
    await waitUntil(() => handled.includes(until), { what: `the event ${until}` });
    await service.stop();
  };
  return { place, consume };
}

describe('the scan of outboxes', () => {
  // Planted fault: a scan that compares with the log's end instead of the watermark finds nothing.
  it('G7i: an event that was sent long ago and is not handled is stalled, once, until it is handled', async () => {
    const { place, consume } = await running();
    const scan = scans();
    await place('a');
    await consume('a');
    expect(await scan.runOnce()).toEqual([]);
    await place('b');
    const [finding, ...more] = await scan.runOnce();
    expect(more).toEqual([]);
    expect(finding).toMatchObject({
      alarm: 'events_stalled',
      fields: { consumer: 'stock', database: 'target', topic: 'shop.orders', partition: 0, halted: null },
      text: expect.stringContaining('`converge consumers list stock`') as string,
    });
    await scan.runOnce();
    expect(lines).toMatchObject([{ alarm: 'events_stalled', consumer: 'stock' }]);
    expect(await scans({ stalledMs: 3_600_000 }).runOnce()).toEqual([]);
    await consume('b');
    expect(await scan.runOnce()).toEqual([]);
    expect(lines.at(-1)).toMatchObject({ alarm: 'events_stalled', cleared: true });
  });

  // Planted fault: a scan that looks at the newest event of the partition only does not see the old one behind it.
  it('an old event behind newer ones is found in the outbox, with its key', async () => {
    const { place, consume } = await running();
    await place('a');
    await consume('a');
    await place('old');
    await source.executor.query(`update converge.tick set created_at = created_at - interval '1 hour'`);
    await place('new');
    expect(await scans({ stalledMs: 1_800_000 }).runOnce()).toMatchObject([
      { alarm: 'events_stalled', fields: { key: 'old' } },
    ]);
    await consume('new');
    await place('newer');
    expect(await scans({ stalledMs: 1_800_000 }).runOnce()).toEqual([]);
  });

  it('a consumer that is gone for good can be left out', async () => {
    const { place, consume } = await running();
    await place('a');
    await consume('a');
    await place('b');
    expect(await scans({ ignoredConsumers: ['stock'] }).runOnce()).toEqual([]);
  });

  it('G7i: a gap is reported as lost events, with the reconcilers that got their keys', async () => {
    const { place, consume } = await running('continue');
    await place('a');
    await consume('a');
    await place('lost');
    await target.executor.query('update converge.inbox_partition set next_offset = next_offset + 1');
    await place('c');
    await consume('c');
    const scan = scans();
    expect(await scan.runOnce()).toMatchObject([
      {
        alarm: 'events_lost',
        fields: { consumer: 'stock', topic: 'shop.orders', partition: 0, reconcilers: [] },
        text: expect.stringContaining('no reconciler has taken its keys') as string,
      },
    ]);
    const seen: string[] = [];
    const reconciler = defineReconciler('stock-vs-orders', {
      keys: { gaps: { consumer: 'stock' }, scan: async function* () {} },
      desired: from<unknown>('source').read((key) => Promise.resolve(void seen.push(key) as never)),
      actual: from<unknown>('target').read(() => Promise.resolve(null)),
      compare: () => null,
      repair: () => Promise.resolve(0),
    });
    const service = reconcilerService([reconciler], { databases: { source, target }, pollMs: 20 });
    await service.start();
    await waitUntil(() => seen.includes('lost'), { what: 'the key of the lost event' });
    await service.stop();
    expect(await scan.runOnce()).toMatchObject([{ fields: { reconcilers: ['stock-vs-orders'] } }]);
  });
});

describe('the scan of journals', () => {
  const old = `clock_timestamp() - interval '1 hour'`;

  it('G7i: steps, calls and workflows that wait for too long, or for an operator, are named with their next command', async () => {
    await target.executor.query(
      `insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, cause_event, changed_at, stuck_since)
       values ('order', 'i1', 'pay', 1, 'payments', 'k1', 'started', 'e', ${old}, null),
              ('order', 'i2', 'pay', 1, 'payments', 'k2', 'stuck', 'e', clock_timestamp(), clock_timestamp()),
              ('order', 'i3', 'pay', 1, 'payments', 'k3', 'started', 'e', clock_timestamp(), null),
              ('order', 'i4', 'pay', 1, 'payments', 'k4', 'applied', 'e', ${old}, null)`,
    );
    await target.executor.query(
      `insert into converge.saga_work (id, consumer, handler, call, key, idempotency_key, input, cause, state, waits_since)
       values ('01990000-0000-7000-8000-000000000001', 'c', 'h', 'mail.send', 'k5', 'x', '{}', '{}', 'ready', ${old}),
              ('01990000-0000-7000-8000-000000000002', 'c', 'h', 'mail.send', 'k6', 'x', '{}', '{}', 'ready', clock_timestamp())`,
    );
    await target.executor.query(
      `insert into converge.workflow (workflow, id, input, state, stuck_reason) values ('import', 'w1', '{}', 'stuck', 'outcome_unknown')`,
    );
    const scan = scans();
    const found = await scan.runOnce();
    expect(found.map(({ text }) => text)).toEqual([
      'step pay of order of key k1 is started for too long: `converge saga show i1`',
      'call mail.send of key k5 is ready for too long: `converge call show 01990000-0000-7000-8000-000000000001`',
      'step pay of order of key k2 is stuck for too long: `converge saga show i2`',
      'workflow import is stuck for too long: `converge workflow show import w1`',
    ]);
    expect(found[0]?.fields).toMatchObject({ database: 'target', key: 'k1', step: 'pay', state: 'started' });
    // It reports, and changes nothing.
    await target.executor.query(`update converge.saga_fence set state = 'applied', stuck_since = null`);
    expect((await scan.runOnce()).map(({ fields }) => fields['kind'])).toEqual(['call', 'workflow']);
  });

  // Planted fault: without the lease each process of several raises every alarm.
  it('of two processes one scans a database', async () => {
    await target.executor.query(
      `insert into converge.workflow (workflow, id, input, state, stuck_reason) values ('import', 'w1', '{}', 'stuck', 'outcome_unknown')`,
    );
    expect(await scans().runOnce()).toHaveLength(1);
    expect(await scans().runOnce()).toEqual([]);
  });

  it('a database without the tables of the kit, or without a right, does not end the scans of the others', async () => {
    await target.executor.query(
      `insert into converge.workflow (workflow, id, input, state, stuck_reason) values ('import', 'w1', '{}', 'stuck', 'outcome_unknown')`,
    );
    await source.executor.query('alter table converge.relay_cursor rename column tick to tock');
    expect(await scans().runOnce()).toHaveLength(1);
    expect(lines[0]).toMatchObject({ database: 'source', scan: 'outbox' });
    await source.executor.query('drop schema converge cascade');
    expect(await scans().runOnce()).toEqual([]);
  });
});
