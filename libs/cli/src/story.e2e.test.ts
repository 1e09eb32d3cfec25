import { randomBytes } from 'node:crypto';
import { defineEvent } from '@converge/contracts';
import { consumerService, defineConsumer } from '@converge/inbox';
import { kafkaBroker } from '@converge/kafka';
import { createOutbox } from '@converge/outbox';
import { connect } from '@converge/postgres';
import { BusinessRejection, ConvergeError } from '@converge/resilience';
import { attributeNames, contextFrom, spanNames, withSpan } from '@converge/telemetry';
import { type EndedSpan, startTelemetry } from '@converge/telemetry/sdk';
import { freshDatabase, waitUntil } from '@converge/testing';
import { afterEach, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { interrupt, killLeftovers, runCli, startCli } from './fixture/cli-process.ts';
import type { Story } from './story/story.ts';

afterEach(killLeftovers);

const hex = (bytes: number): string => randomBytes(bytes).toString('hex');

it(
  'a request, its event, the failed attempts, the failure event and its compensation are one trace and one story',
  { timeout: 180_000 },
  async () => {
    const { brokers, databaseUrl } = inject('stack');
    const run = hex(4);
    const data = z.object({ orderId: z.string() });
    const event = (type: string) =>
      defineEvent({
        type,
        version: 1,
        topic: `story.${run}`,
        key: (o: { orderId: string }) => o.orderId,
        data,
      });
    const [placed, cancelled] = [event('order.placed'), event('order.cancelled')];
    const names = { orders: `orders-${run}`, payments: `payments-${run}` };
    const urls = {
      orders: await freshDatabase(databaseUrl, 'orders'),
      payments: await freshDatabase(databaseUrl, 'pay'),
    };
    for (const url of Object.values(urls)) await runCli(['migrate', '--quiet'], { DATABASE_URL: url });
    const topics = [placed.topic, `${names.orders}.failures`, `${names.payments}.failures`];
    await runCli(['topics', 'create', ...topics, '--partitions', '1'], { KAFKA_BROKERS: brokers });

    const spans: EndedSpan[] = [];
    const telemetry = startTelemetry({ serviceName: 'shop', onSpan: (span) => spans.push(span) });
    const relay = startCli(['relay'], {
      KAFKA_BROKERS: brokers,
      CONVERGE__RELAY__SOURCES__ORDERS: urls.orders,
      CONVERGE__RELAY__SOURCES__PAYMENTS: urls.payments,
    });
    const broker = kafkaBroker({ brokers: brokers.split(','), clientId: 'story' });
    const orders = connect({ url: urls.orders });
    const payments = connect({ url: urls.payments });
    let bad = 2;
    const services = [
      consumerService(
        [
          defineConsumer({ name: names.payments, from: 'beginning' }).on(placed, () => {
            if (bad-- > 0)
              throw new ConvergeError('the bank hung up', {
                code: 'ECONNRESET',
                category: 'network',
                certainty: 'not_applied',
              });
            throw new BusinessRejection('card declined', { code: 'DECLINED' });
          }),
        ],
        { database: payments, broker },
      ),
      consumerService(
        [
          defineConsumer({ name: names.orders, from: 'beginning' }).onFailure(
            placed,
            { of: names.payments },
            (failure, { emit }) => emit(cancelled(failure.event.data)),
          ),
        ],
        { database: orders, broker },
      ),
    ];
    for (const service of services) await service.start();

    const traceId = hex(16);
    const outbox = createOutbox([placed]);
    // What an HTTP server does with the headers of a request.
    await withSpan(
      'POST /orders',
      { kind: 'server', parent: contextFrom({ traceparent: `00-${traceId}-${hex(8)}-01` }) },
      () => outbox.transaction(orders.db, ({ emit }) => Promise.resolve(emit(placed({ orderId: 'o-1' })))),
    );
    const stored = async (type: string) =>
      (
        await orders.executor.query<{ id: string }>(
          'select event_id as id from converge.outbox where type = $1',
          [type],
        )
      ).rows[0]?.id;
    await waitUntil(async () => (await stored('order.cancelled')) !== undefined, {
      what: 'the compensation',
      deadlineMs: 60_000,
    });
    const id = await stored('order.placed');
    const env = { DATABASE_URL: urls.orders };
    const told = async () =>
      JSON.parse(
        (await runCli(['event', 'story', id!, '--json', '--database', urls.payments], env)).stdout,
      ) as Story;
    const story = await told();
    const text = await runCli(['event', 'story', id!, '--database', urls.payments], env);
    const unknown = await runCli(['event', 'story', '00000000-0000-0000-0000-000000000000'], env);

    for (const service of services) await service.stop();
    interrupt(relay);
    await relay.ended;
    await broker.close();
    await orders.close();
    await payments.close();
    await telemetry.shutdown();

    // A failure event that is written outside the failed event's context would begin a trace of its own.
    const named = (name: string) => spans.filter((span) => span.name === name);
    const failures = `${names.payments}.failures`;
    const way = [
      'POST /orders',
      spanNames.create(placed.topic),
      spanNames.process(placed.topic),
      spanNames.attempt('order.placed'),
      spanNames.create(failures),
      spanNames.process(failures),
      spanNames.attempt(`failure:${names.payments}:order.placed`),
    ];
    for (const name of way)
      expect(
        named(name).map((span) => span.traceId),
        name,
      ).toContain(traceId);
    const [last] = named(spanNames.attempt('order.placed')).filter(
      ({ attributes }) => attributes[attributeNames.attempt] === 3,
    );
    expect(named(spanNames.create(failures))[0]?.links).toEqual([{ traceId, spanId: last?.spanId }]);

    const kinds = story.entries.map((entry) =>
      entry.kind === 'attempt' ? `${entry.consumer} ${entry.outcome} ${entry.wait?.rule ?? '-'}` : entry.kind,
    );
    expect(kinds.slice(0, 3)).toEqual([
      'emitted',
      `${names.payments} retry backoff`,
      `${names.payments} retry backoff`,
    ]);
    expect(kinds).toContain(`${names.orders} applied -`);
    expect(kinds.filter((kind) => kind === 'caused')).toHaveLength(2);
    const attempts = story.entries.filter((entry) => entry.kind === 'attempt');
    const cause = attempts.find(({ consumer, number }) => consumer === names.payments && number === 3);
    expect(attempts.at(-1)).toMatchObject({ phase: 'failure', causedBy: cause?.id });
    expect(text).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('because of attempt 3 of payments'),
    });
    expect(unknown).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('--database') });
  },
);
