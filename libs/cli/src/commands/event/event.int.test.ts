import { randomBytes } from 'node:crypto';
import { defineEvent } from '@convergekit/contracts';
import { consumerService, consumerRef, defineConsumer } from '@convergekit/inbox';
import { kafkaBroker } from '@convergekit/kafka';
import { createOutbox } from '@convergekit/outbox';
import { BusinessRejection, ConvergeError } from '@convergekit/core';
import { defaultPolicy } from '@convergekit/resilience';
import { defineCall, callsOf, sagaWorker } from '@convergekit/saga';
import { attributeNames, contextFrom, spanNames } from '@convergekit/telemetry/engine';
import { withSpan } from '@convergekit/telemetry';
import { type EndedSpan, startTelemetry } from '@convergekit/telemetry/sdk';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterEach, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { cli, startedCli, stopLeftovers } from '../../fixture/cli.ts';
import { allMigrations } from '../../../../operate/src/all-migrations.ts';
import type { History } from '../../../../operate/src/history/history.ts';

afterEach(stopLeftovers);

const hex = (bytes: number): string => randomBytes(bytes).toString('hex');

it('S24, S60, G5u: a request, its event, the failed attempts, the failure event and its compensation are one trace and one history', async () => {
  const { brokers, databaseUrl } = inject('stack');
  const run = hex(4);
  const data = z.object({ orderId: z.string() });
  const event = (type: string) =>
    defineEvent(type, {
      version: 1,
      topic: `story.${run}`,
      key: (o: { orderId: string }) => o.orderId,
      data,
    });
  const [placed, cancelled, mailed] = ['order.placed', 'order.cancelled', 'order.mailed'].map(event);
  if (placed === undefined || cancelled === undefined || mailed === undefined)
    throw new Error('three events');
  const names = { orders: `orders-${run}`, payments: `payments-${run}`, mail: `mail-${run}` };
  const made = {
    orders: await migratedDatabase(databaseUrl, allMigrations, { prefix: 'orders' }),
    payments: await migratedDatabase(databaseUrl, allMigrations, { prefix: 'pay' }),
  };
  const urls = { orders: made.orders.url, payments: made.payments.url };
  const [orders, payments] = [made.orders.database, made.payments.database];
  const topics = [placed.topic, ...Object.values(names).map((name) => `${name}.failures`)];
  await cli(['topics', 'create', ...topics, '--partitions', '1'], { KAFKA_BROKERS: brokers });

  const spans: EndedSpan[] = [];
  const telemetry = startTelemetry({ serviceName: 'shop', onSpan: (span) => spans.push(span) });
  const relay = startedCli(['relay'], {
    KAFKA_BROKERS: brokers,
    CONVERGE__RELAY__SOURCES__ORDERS: urls.orders,
    CONVERGE__RELAY__SOURCES__PAYMENTS: urls.payments,
  });
  const broker = kafkaBroker({ brokers: brokers.split(','), clientId: 'story' });
  let bad = 2;
  /** The mail server is away: meanwhile the mail waits in the line of its key. */
  let away = true;
  let sends = 0;
  const gone = (message: string) =>
    new ConvergeError(message, { code: 'ECONNRESET', category: 'network', certainty: 'not_applied' });
  const send = defineCall('mail.send', {
    input: data,
    result: data,
    idempotency: 'keyed',
    policy: { ...defaultPolicy, attempts: 2, backoff: { baseMs: 5, factor: 1, capMs: 5 } },
    call: (order) => (sends++ === 0 ? Promise.reject(gone('no mail server')) : Promise.resolve(order)),
  }).onOutcome<unknown>({ succeeded: (order, { emit }) => emit(mailed(order)), failed: () => undefined });
  const quick = { baseMs: 10, factor: 1, capMs: 10 };
  const schedule = { fast: quick, fastAttempts: 1_000, slow: quick, withinMs: 60_000 };
  const mailing = defineConsumer(names.mail, { from: 'first' })
    .calls(send)
    .on(placed, async (order, { call }) => {
      if (away) throw gone('the index is away');
      await call(send, order.data);
    });
  const services = [
    sagaWorker(callsOf(mailing), { database: payments }),
    consumerService(
      [
        defineConsumer(names.payments, { from: 'first' }).on(placed, () => {
          if (bad-- > 0) throw gone('the bank hung up');
          throw new BusinessRejection('card declined', { code: 'DECLINED' });
        }),
      ],
      { database: payments, broker },
    ),
    consumerService(
      [
        defineConsumer(names.orders, { from: 'first' }).onFailure(
          consumerRef(names.payments),
          placed,
          (failure, { emit }) => emit(cancelled(failure.event.data)),
        ),
      ],
      { database: orders, broker },
    ),
    consumerService([mailing], { database: payments, broker, parking: { schedule, pollMs: 50 } }),
  ];
  for (const service of services) await service.start();

  const traceId = hex(16);
  const outbox = createOutbox([placed]);
  // An HTTP server handles the headers of a request in this way.
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
  });
  const id = await stored('order.placed');
  const env = { DATABASE_URL: urls.orders };
  const shown = async () =>
    JSON.parse(
      (await cli(['event', 'history', id!, '--json', '--database', urls.payments], env)).stdout,
    ) as History;
  const kindsOf = ({ entries }: History, kind: History['entries'][number]['kind']) =>
    entries.filter((entry) => entry.kind === kind);
  await waitUntil(
    async () => (await payments.executor.query('select from converge.parked_key')).rowCount === 1,
    { what: 'the park' },
  );
  const waiting = await shown();
  away = false;
  await waitUntil(
    async () =>
      (await payments.executor.query(`select from converge.saga_work where state = 'done'`)).rowCount === 1,
    { what: 'the effect' },
  );
  const history = await shown();
  // `story` is an alias.
  const text = await cli(['event', 'story', id!, '--database', urls.payments], env);
  const unknown = await cli(['event', 'history', '00000000-0000-0000-0000-000000000000'], env);

  for (const service of services) await service.stop();
  await relay.stop();
  await broker.close();
  await orders.close();
  await payments.close();
  await telemetry.shutdown();

  // A failure event written outside the failed event's context would begin a separate trace.
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
  // Two consumers tried the event: the attempt of the one that declined it is meant.
  const [last] = named(spanNames.attempt('order.placed')).filter(
    ({ attributes }) => attributes[attributeNames.reason] === 'DECLINED',
  );
  expect(named(spanNames.create(failures))[0]?.links).toEqual([{ traceId, spanId: last?.spanId }]);

  const kinds = history.entries.map((entry) =>
    entry.kind === 'attempt' ? `${entry.consumer} ${entry.outcome} ${entry.wait?.rule ?? '-'}` : entry.kind,
  );
  expect(kinds.filter((kind) => !kind.includes(names.mail)).slice(0, 3)).toEqual([
    'emitted',
    `${names.payments} retry backoff`,
    `${names.payments} retry backoff`,
  ]);
  expect(kinds).toContain(`${names.orders} applied -`);
  // The events are the failure event, its compensation, and the event after the effect.
  expect(kinds.filter((kind) => kind === 'caused')).toHaveLength(3);
  // Planted fault: a history that knows only golden rows of these has none of them here.
  // The two consumers come to it independently of each other.
  const parked = new Map(
    kindsOf(waiting, 'parked').flatMap((one) => (one.kind === 'parked' ? [[one.consumer, one]] : [])),
  );
  expect([...parked.keys()].toSorted()).toEqual([names.mail, names.payments]);
  expect(parked.get(names.payments)).toMatchObject({ state: 'rejected' });
  expect(parked.get(names.mail)).toMatchObject({ state: 'waiting', ahead: 0 });
  const drained = history.entries.filter((entry) => entry.kind === 'attempt' && entry.parkedAt !== null);
  expect(drained.at(-1)).toMatchObject({ consumer: names.mail, outcome: 'applied' });
  expect(kindsOf(history, 'call')).toMatchObject([{ call: 'mail.send', state: 'done' }]);
  const attempted = history.entries.filter((entry) => entry.kind === 'call_attempt');
  expect(attempted.map(({ op, failure }) => `${op} ${failure?.code ?? 'ok'}`)).toEqual([
    'call ECONNRESET',
    'call ok',
  ]);
  for (const line of ['by a drain', 'call mail.send requested', 'order.mailed'])
    expect(text.stdout).toContain(line);
  const attempts = history.entries
    .filter((entry) => entry.kind === 'attempt')
    .filter(({ consumer }) => consumer !== names.mail);
  const cause = attempts.find(({ consumer, number }) => consumer === names.payments && number === 3);
  expect(attempts.at(-1)).toMatchObject({ phase: 'failure', causedBy: cause?.id });
  expect(text).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('because of attempt 3 of payments'),
  });
  expect(unknown).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('--database') });
});
