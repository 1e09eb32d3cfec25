import { randomBytes } from 'node:crypto';
import { contextFrom, spanNames } from '@convergekit/telemetry/engine';
import { withSpan } from '@convergekit/telemetry';
import { type EndedSpan, startTelemetry, type Telemetry } from '@convergekit/telemetry/sdk';
import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { cups, ShopScene } from './fixture/shop-scene.ts';
import type { OrderRequest } from './orders/placement.ts';

const spans: EndedSpan[] = [];
let telemetry: Telemetry;
let shop: ShopScene;

beforeAll(async () => {
  telemetry = startTelemetry({ serviceName: 'shop', onSpan: (span) => spans.push(span) });
  shop = await ShopScene.open(inject('stack').databaseUrl);
});
beforeEach(() => shop.behave({ mode: 'normal' }));
afterAll(async () => {
  await shop.close();
  await telemetry.shutdown();
});

/** Sends a request with the caller's headers. */
async function request(
  order?: OrderRequest,
): Promise<{ readonly orderId: string; readonly traceId: string }> {
  const traceId = randomBytes(16).toString('hex');
  const parent = contextFrom({ traceparent: `00-${traceId}-00f067aa0ba902b7-01` });
  const orderId = await withSpan('POST /orders', { kind: 'server', parent }, () => shop.place(order));
  return { orderId, traceId };
}

async function until(orderId: string, state: 'confirmed' | 'cancelled'): Promise<void> {
  const rows = () =>
    shop.scene.rows('select 1 from orders where order_id = $1 and state = $2', [orderId, state]);
  await waitUntil(async () => (await rows()).length === 1, {
    what: `the order to be ${state}`,
    deadlineMs: 30_000,
  });
}

/** Names what a trace lacks: these names, and the ancestors of its spans up to the request. */
function missingIn(traceId: string, names: readonly string[]): readonly string[] {
  const own = new Map(spans.filter((span) => span.traceId === traceId).map((span) => [span.spanId, span]));
  const comesFromRequest = (span: EndedSpan): boolean => {
    let at: EndedSpan | undefined = span;
    while (at !== undefined && at.name !== 'POST /orders') at = own.get(at.parentSpanId ?? '');
    return at !== undefined;
  };
  const ended = [...own.values()];
  return [
    ...names.filter((name) => !ended.some((span) => span.name === name)),
    ...ended.filter((span) => !comesFromRequest(span)).map(({ name }) => `what ${name} came from`),
  ];
}

/** Waits until spans of these names have ended, and all of the trace comes from the request: a span ends after its commit. */
async function traced(traceId: string, names: readonly string[]): Promise<void> {
  await waitUntil(() => missingIn(traceId, names).length === 0, { what: 'the whole trace' }).catch(() =>
    expect(missingIn(traceId, names)).toEqual([]),
  );
}

/** Returns the trace of the last event of this type for an order. */
async function traceOf(orderId: string, type: string): Promise<string | undefined> {
  const rows = await shop.scene.rows<{ headers: string }>(
    'select headers from converge.outbox where key = $1 and type = $2 order by id desc limit 1',
    [orderId, type],
  );
  const { traceparent } = JSON.parse(rows[0]?.headers ?? '{}') as { traceparent?: string };
  return traceparent?.split('-')[1];
}

const process = (...topics: readonly string[]) => topics.map((topic) => spanNames.process(topic));
const attempt = (...effects: readonly string[]) =>
  effects.map((effect) => spanNames.attempt(`shop.place-order.${effect}`));

// Planted fault: work that does not keep the trace of its cause (`traceOf`) starts a trace of its own with its call.
describe('an order is one trace from the request on', () => {
  it('S60, G8d: an order is one trace from the request to the last compensation, worker calls included', async () => {
    const { orderId, traceId } = await request({ ...cups, country: 'AQ' });
    await until(orderId, 'cancelled');
    await traced(traceId, [
      ...process('shop.orders', 'shop.inventory', 'shop.payments', 'shop.shipping'),
      ...attempt('pay.apply', 'pay.compensate'),
    ]);
    for (const type of ['parcel.refused', 'payment.refunded', 'stock.released', 'order.cancelled'])
      expect([type, await traceOf(orderId, `shop.${type}`)]).toEqual([type, traceId]);
  });

  it('an order is one trace even when a call hangs and the saga’s deadline passes', async () => {
    await shop.behave({ mode: 'hang' });
    const { orderId, traceId } = await request();
    const due = `update converge.saga_work set due_at = clock_timestamp() where key = $1 and op = 'deadline' returning 1`;
    await waitUntil(async () => (await shop.scene.rows(due, [orderId])).length === 1, { what: 'the timer' });
    const stopped = () =>
      shop.scene.rows(`select 1 from converge.saga_fence where key = $1 and state = 'undo_pending'`, [
        orderId,
      ]);
    await waitUntil(async () => (await stopped()).length === 1, {
      what: 'the payment to wait',
      deadlineMs: 30_000,
    });
    await shop.behave({ mode: 'normal' });
    await until(orderId, 'cancelled');
    await traced(traceId, [
      // A timer calls nothing: its run has no attempt.
      spanNames.run('shop.place-order.ship.deadline'),
      ...attempt('pay.apply'),
      ...process('shipping.failures', 'shop.inventory'),
    ]);
    for (const [type, of] of [
      ['failure', 'converge'],
      ['stock.released', 'shop'],
    ] as const)
      expect(await traceOf(orderId, `${of}.${type}`)).toBe(traceId);
  });
});
