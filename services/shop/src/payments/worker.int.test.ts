import { createOutbox, outboxMigrations } from '@converge/outbox';
import { connect, type Database, migrate } from '@converge/postgres';
import { newUuidV7, seededRandom, systemClock } from '@converge/runtime';
import { paymentDeclined, paymentRefunded, paymentTaken } from '@converge/schemas';
import { freshDatabase, waitUntil } from '@converge/testing';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { type HttpService, httpService } from '../common/http-service.ts';
import { shopMigrations } from '../common/migrations.ts';
import { providerApi } from '../provider/api.ts';
import type { Behaviour } from '../provider/behaviour.ts';
import type { ProviderDb } from '../provider/tables.ts';
import { intend } from './intent.ts';
import { providerClient } from './provider-client.ts';
import { writeSettlement } from './settlement.ts';
import type { PaymentsDb } from './tables.ts';
import type { Op } from './work.ts';
import { paymentWorker, type WorkerOptions } from './worker.ts';
import { claimDue } from './work-store.ts';

let payments: Database<PaymentsDb>;
let provider: Database<ProviderDb>;
let server: HttpService;
let options: WorkerOptions;
const running: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  const { databaseUrl } = inject('stack');
  payments = connect<PaymentsDb>({ url: await freshDatabase(databaseUrl, 'payments') });
  provider = connect<ProviderDb>({ url: await freshDatabase(databaseUrl, 'provider') });
  await migrate(payments, [outboxMigrations, ...shopMigrations.payments]);
  await migrate(provider, shopMigrations.provider);
  server = httpService(providerApi(provider.db), 0);
  await server.start();
  options = {
    db: payments.db,
    outbox: createOutbox([paymentTaken, paymentDeclined, paymentRefunded]),
    provider: providerClient({ url: `http://127.0.0.1:${server.port}`, timeoutMs: 150 }),
    clock: systemClock,
    random: seededRandom(7),
    onError: (error) => {
      throw error;
    },
  };
});

afterEach(async () => {
  await behave({ mode: 'normal' });
  for (const worker of running.splice(0)) await worker.stop();
});

afterAll(async () => {
  await server.stop();
  await payments.close();
  await provider.close();
});

async function behave(behaviour: Partial<Behaviour>): Promise<void> {
  await fetch(`http://127.0.0.1:${server.port}/admin/behaviour`, {
    method: 'PUT',
    body: JSON.stringify(behaviour),
  });
}

async function work(): Promise<void> {
  const worker = paymentWorker(options);
  await worker.start();
  running.push(worker);
}

async function order(op: Op = 'charge', existing?: string): Promise<string> {
  const orderId = existing ?? newUuidV7();
  await payments.db.transaction().execute(async (tx) => {
    if (existing === undefined)
      await tx
        .insertInto('payment')
        .values({
          order_id: orderId,
          amount_cents: 900,
          state: 'pending',
          parcel: JSON.stringify({ lines: [{ sku: 'tea', quantity: 2 }], country: 'PT' }),
          charge_id: null,
          reason: null,
        })
        .execute();
    await intend(tx, orderId, op, { eventId: newUuidV7(), correlationId: orderId, hops: 2 });
  });
  return orderId;
}

async function ended(orderId: string, state: string): Promise<void> {
  const read = (): Promise<unknown> =>
    payments.db
      .selectFrom('payment')
      .select('state')
      .where('order_id', '=', orderId)
      .where('state', '=', state as 'taken')
      .executeTakeFirst();
  await waitUntil(read, { what: `the payment to be ${state}` });
}

async function eventsOf(orderId: string): Promise<string[]> {
  const { rows } = await payments.executor.query<{ type: string }>(
    'select type from converge.outbox where key = $1 order by id',
    [orderId],
  );
  return rows.map(({ type }) => type);
}

async function charged(orderId: string): Promise<number> {
  const { rows } = await provider.executor.query<{ net: string }>(
    `select coalesce(sum(amount_cents - refunded_cents) filter (where state = 'taken'), 0) as net from charge where key = $1`,
    [orderId],
  );
  return Number(rows[0]?.net);
}

describe('the payment worker', () => {
  it('charges once, and refunds it once', async () => {
    const orderId = await order();
    await work();
    await ended(orderId, 'taken');
    expect(await charged(orderId)).toBe(900);
    await order('refund', orderId);
    await ended(orderId, 'refunded');
    expect(await charged(orderId)).toBe(0);
    expect(await eventsOf(orderId)).toEqual(['shop.payment.taken', 'shop.payment.refunded']);
  });

  it('tells a decline, and no money moves', async () => {
    await behave({ mode: 'decline' });
    const orderId = await order();
    await work();
    await ended(orderId, 'declined');
    expect([await charged(orderId), await eventsOf(orderId)]).toEqual([0, ['shop.payment.declined']]);
  });

  it('asks when the answer came too late, and does not charge again', async () => {
    await behave({ mode: 'late', lateMs: 5_000 });
    const orderId = await order();
    await work();
    await ended(orderId, 'taken');
    expect([await charged(orderId), await eventsOf(orderId)]).toEqual([900, ['shop.payment.taken']]);
  });

  it.each([['fail'], ['hang']] as const)('goes on until the provider that would %s is well', async (mode) => {
    await behave({ mode });
    const orderId = await order();
    await work();
    const tried = (): Promise<unknown> =>
      payments.db
        .selectFrom('payment_work')
        .select('attempts')
        .where('order_id', '=', orderId)
        .where('attempts', '>=', 2)
        .executeTakeFirst();
    await waitUntil(tried, { what: 'a second attempt' });
    expect(await eventsOf(orderId)).toEqual([]);
    await behave({ mode: 'normal' });
    await ended(orderId, 'taken');
    expect([await charged(orderId), await eventsOf(orderId)]).toEqual([900, ['shop.payment.taken']]);
  });

  it('asks about a call whose caller died before it could write down the answer', async () => {
    const orderId = await order();
    const [claimed] = await claimDue(payments.db, { limit: 1, leaseMs: 0 });
    expect(claimed).toMatchObject({ orderId, state: 'ready' });
    await options.provider.submit(claimed!);
    const [again] = await claimDue(payments.db, { limit: 1, leaseMs: 0 });
    expect(again).toMatchObject({ orderId, state: 'unknown', attempts: 2 });
    await work();
    await ended(orderId, 'taken');
    expect([await charged(orderId), await eventsOf(orderId)]).toEqual([900, ['shop.payment.taken']]);
  });

  it('drops what a worker knows whose claim somebody else has taken since', async () => {
    const orderId = await order();
    const [late] = await claimDue(payments.db, { limit: 1, leaseMs: 0 });
    const [owner] = await claimDue(payments.db, { limit: 1, leaseMs: 60_000 });
    await writeSettlement(options, late!, { kind: 'declined', reason: 'old news' });
    expect(await eventsOf(orderId)).toEqual([]);
    await writeSettlement(options, owner!, { kind: 'succeeded', reference: 'ch_x' });
    await writeSettlement(options, owner!, { kind: 'succeeded', reference: 'ch_x' });
    expect(await eventsOf(orderId)).toEqual(['shop.payment.taken']);
  });
});
