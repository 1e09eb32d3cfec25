import { defineEvent } from '@convergekit/contracts';
import { memoryBroker } from '@convergekit/broker/testing';
import { consumerService, defineConsumer } from '@convergekit/inbox';
import { makeTopics } from '@convergekit/inbox/testing';
import { createOutbox } from '@convergekit/outbox';
import { manualClock, waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { type ConsoleUnderTest, startConsole } from '../../fixture/console-under-test.ts';

let shown: ConsoleUnderTest<'orders' | 'inventory'>;
beforeAll(async () => {
  shown = await startConsole(inject('stack').databaseUrl, ['orders', 'inventory'], {
    CONVERGE__CONSOLE__PAYLOADS: 'full',
  });
});
afterAll(() => shown.stop());

describe('the live tail', () => {
  const placed = defineEvent('shop.order.placed', {
    version: 1,
    topic: 'shop.orders',
    key: ({ id }) => id,
    data: z.object({ id: z.string(), note: z.string() }),
  });
  const returned = defineEvent('shop.order.returned', {
    version: 1,
    topic: 'shop.returns',
    key: ({ id }) => id,
    data: z.object({ id: z.string(), note: z.string() }),
  });
  const outbox = createOutbox([placed, returned]);
  const open = async (query: string, url = shown.url) => {
    const leave = new AbortController();
    const response = await fetch(new URL(`tail/events${query}`, url), { signal: leave.signal });
    return { status: response.status, leave: () => leave.abort(), reader: response.body?.getReader() };
  };
  const readUntil = async (stream: Awaited<ReturnType<typeof open>>, text: string): Promise<string> => {
    let seen = '';
    while (!seen.includes(text)) {
      const part = await stream.reader?.read();
      if (part?.value === undefined) throw new Error(`the stream ended without ${text}: ${seen}`);
      seen += new TextDecoder().decode(part.value as Uint8Array);
    }
    return seen;
  };
  const emit = async (...ids: readonly string[]): Promise<unknown> =>
    outbox.append(
      shown.databases.orders.executor,
      ids.map((id) => placed({ id, note: 'to a customer' })),
    );

  it('G5o: events appear as they commit, by the filter, and never their data', async () => {
    const stream = await open('?topic=shop.orders&key=order-2');
    await readUntil(stream, 'perSecond');
    await emit('order-1', 'order-2');
    const seen = await readUntil(stream, 'order-2');
    stream.leave();
    expect(seen).not.toContain('order-1');
    expect(seen).not.toContain('customer');
    expect(seen).toContain('"database":"orders"');
  });

  it('G5o: a stream ends with its request, and a visitor has four of them at most', async () => {
    const streams = await Promise.all(Array.from({ length: 4 }, () => open('?topic=none')));
    expect((await open('?topic=none')).status).toBe(409);
    for (const stream of streams) stream.leave();
    const again = await waitUntil(
      async () => {
        const stream = await open('?topic=none');
        return stream.status === 200 ? stream : undefined;
      },
      { what: 'a stream after those before have ended' },
    );
    again.leave();
  });

  it('a tail of a consumer shows the topics that it reads and no other', async () => {
    const broker = memoryBroker();
    await makeTopics(broker, ['shop.orders', 'billing.failures'], 1);
    const billing = defineConsumer('billing').on(placed, () => undefined);
    const service = consumerService([billing], { database: shown.databases.inventory, broker });
    await service.start();
    await waitUntil(() => (service.status()[0]?.partitions.length ?? 0) > 0, { what: 'its partition' });
    await service.stop();
    await broker.close();
    const stream = await open('?consumer=billing');
    await readUntil(stream, 'perSecond');
    await outbox.append(shown.databases.orders.executor, [
      returned({ id: 'order-3', note: '' }),
      placed({ id: 'order-4', note: '' }),
    ]);
    const seen = await readUntil(stream, 'order-4');
    stream.leave();
    expect(seen).not.toContain('order-3');
  });

  // The console's clock stands still, so that the stop has no other end than the streams' own. Planted fault: without the signal
  // of the stop in `runTail` it never ends.
  it('a stop of the console ends its streams, and cuts none', async () => {
    const other = await startConsole(inject('stack').databaseUrl, ['orders'], {}, manualClock());
    const stream = await open('', other.url);
    const stopped = other.stop();
    let part = await stream.reader?.read();
    while (part?.done === false) part = await stream.reader?.read();
    expect(part?.done).toBe(true);
    await stopped;
  });
});
