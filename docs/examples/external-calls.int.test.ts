import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock, systemRandom } from 'convergekit';
import { readDeadline } from 'convergekit/http';
import { startTelemetry } from 'convergekit/telemetry';
import { applyAll, eventsOf, serviceDatabase } from '@convergekit/testing';
import { expect, inject, it } from 'vitest';
import {
  charged,
  declined,
  ordered,
  type Provider,
  receiptOf,
  till,
  TILL_TABLES,
  type TillDb,
} from './external-calls.ts';

/** A provider with a ledger, which loses the answer of its first call. */
function provider(): Provider & { readonly receipts: Map<string, string> } {
  const receipts = new Map<string, string>();
  let lost = 0;
  return {
    receipts,
    charge: (cents, key) => {
      if (cents > 100_000) return Promise.resolve(undefined);
      receipts.set(key, `r-${cents}`);
      lost += 1;
      if (lost === 1)
        return Promise.reject(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }));
      return Promise.resolve(receipts.get(key));
    },
    find: (key) => Promise.resolve(receipts.get(key)),
  };
}

it('S68: the example of “external calls” charges an order once although an answer was lost, and declines a refused card', async () => {
  const database = await serviceDatabase<TillDb>(inject('stack').databaseUrl, TILL_TABLES);
  try {
    const bank = provider();
    const consumer = till(bank);
    const orders = [ordered({ orderId: 'a', cents: 900 }), ordered({ orderId: 'b', cents: 420_000 })];
    const { emitted, openCalls } = await applyAll([{ database, consumers: [consumer] }], orders);
    expect(openCalls).toEqual([]);
    expect(eventsOf(emitted, charged)).toEqual([{ orderId: 'a', cents: 900 }]);
    expect(eventsOf(emitted, declined)).toEqual([{ orderId: 'b', cents: 420_000 }]);
    expect(bank.receipts.size).toBe(1);
    expect(await database.db.selectFrom('receipt').selectAll().execute()).toEqual([
      { orderId: 'a', receipt: 'r-900' },
    ]);
  } finally {
    await database.close();
  }
});

// Planted fault: with an example that does not pass `headers` on, the other system gets no `traceparent` here.
it('the example of a call over HTTP takes the trace and the deadline of its attempt to the other system', async () => {
  const telemetry = await startTelemetry({ serviceName: 'calls', onSpan: () => undefined });
  const received: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    received.push(request.headers);
    response.end('r-1');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const call = receiptOf.bind('till.receipt');
    const planned = { input: () => ({ url }) as never, key: () => 'k' };
    const guards = { clock: systemClock, random: systemRandom, deadline: new Date(Date.now() + 60_000) };
    expect(await call.handleOf(planned).call(guards, () => undefined)).toBe('{"text":"r-1"}');
    const [headers = {}] = received;
    expect(headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(readDeadline(headers['ce_deadline']?.toString())?.getTime()).toBeLessThanOrEqual(
      guards.deadline.getTime(),
    );
  } finally {
    server.close();
    await telemetry.shutdown();
  }
});
