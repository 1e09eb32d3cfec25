import { randomUUID } from 'node:crypto';
import { type FixtureRecord, FixtureSource, sendRecords } from '@convergekit/inbox/testing';
import { captureLogs } from '@convergekit/telemetry/testing';
import { consumerRef, defineConsumer } from 'convergekit';
import { executorOf } from 'convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { type LedgerDb, note } from '../../libs/inbox/src/fixture/ledger.ts';
import { paymentsFailure } from '../../libs/inbox/src/fixture/payments-failure.ts';
import { Counting, failing, partitionOf } from './fixture/consumers.ts';

let stock: Counting;
beforeEach(async () => {
  stock = await Counting.open();
});
afterEach(() => stock.scene.close());

interface Shown {
  readonly payload: string | null;
  readonly certainty: string;
  readonly attempts: readonly { readonly number: number; readonly outcome: string; readonly wait?: object }[];
}
const shown = (id: string) => stock.scene.json<Shown>('parked', 'show', id);

// Planted fault: a dead letter without its failure event leaves the saga of an order waiting for ever.
it('S3, G5c, G5u: an event that cannot be handled is kept with its bytes and attempts, and reported by one failure event that names it', async () => {
  stock.throws = (_, n) => (n === 1 ? failing('BROKEN', 'bug') : undefined);
  await stock.start();
  const [id] = await stock.emit(['a', 1], ['b', 2]);
  await stock.until(1);
  await waitUntil(async () => (await stock.failures()).length > 0, { what: 'the failure event' });
  const [letter] = await stock.parked('--state', 'dead');
  expect(letter).toMatchObject({ key: 'a', code: 'BROKEN', eventId: id });
  const { payload, attempts } = await shown(letter!.id);
  expect([payload, attempts.map(({ number, outcome }) => [number, outcome])]).toEqual([
    '{"key":"a","n":1}',
    [
      [1, 'retry'],
      [2, 'retry'],
      [3, 'dead'],
    ],
  ]);
  const failures = await stock.failures();
  expect(failures).toHaveLength(1);
  expect(failures[0]).toMatchObject({
    id: letter!.failureEvent,
    data: { category: 'bug', causationId: id, event: { topic: stock.topic, offset: '0' } },
  });
  expect(failures[0]!.data['attempts']).toMatchObject([
    { number: 1, outcome: 'retry', wait: { rule: 'backoff' } },
    { number: 2, outcome: 'retry', wait: { rule: 'backoff' } },
    { number: 3 },
  ]);
  // What follows from the failure points at the attempt that caused it, and the history of the event has every attempt.
  expect(failures[0]!.headers['ce_attemptid']).toBe(failures[0]!.data['attemptId']);
  const { entries } = await stock.scene.json<{ entries: { kind: string; outcome?: string }[] }>(
    'event',
    'history',
    id!,
  );
  expect(entries.flatMap(({ kind, outcome }) => (kind === 'attempt' ? [outcome] : []))).toEqual([
    'retry',
    'retry',
    'dead',
  ]);
});

it('G5u: the failed attempts before a success are recorded with it, each with the rule of its wait', async () => {
  const errors = [failing('AWAY', 'network'), failing('BUSY', 'throttle', { retryAfterMs: 30 })];
  stock.throws = () => errors.shift();
  await stock.start();
  const [id] = await stock.emit(['a', 1]);
  await stock.until(1);
  const { entries } = await stock.scene.json<{
    entries: { kind: string; outcome?: string; failure?: object; wait?: object }[];
  }>(...['event', 'history', id!]);
  expect(entries.filter(({ kind }) => kind === 'attempt')).toMatchObject([
    { outcome: 'retry', failure: { code: 'AWAY' }, wait: { rule: 'backoff' } },
    { outcome: 'retry', failure: { code: 'BUSY' }, wait: { rule: 'retry_after' } },
    { outcome: 'applied' },
  ]);
});

const CANARY = 'canary-4111';
const spoilt = (one: FixtureRecord, value: string | Buffer | null): FixtureRecord => ({
  ...one,
  record: { ...one.record, value },
});

// Planted faults: a message of an error as it stands puts the value into the log; a record that is skipped has no dead letter.
it('G5c, G5e: records that no consumer can read become dead letters with their bytes, and no value of an event reaches the log', async () => {
  const logged: string[] = [];
  const ends = captureLogs('info', (line) => void logged.push(line));
  try {
    const { counted } = stock.events;
    const source = new FixtureSource({ partitions: 1 });
    const consumer = defineConsumer<LedgerDb>(stock.name, { from: 'first' }).on(
      counted,
      async (event, { tx }) => {
        const { key, n } = event.data;
        if (n === 1) JSON.parse(`${CANARY} ${key}`);
        if (n === 2) throw new Error(`no stock for ${key} in the warehouse`);
        if (n === 3)
          z.object({})
            .strict()
            .parse({ [CANARY]: CANARY });
        if (n === 4) await executorOf(tx).query('select $1::int', [`${CANARY} ${key}`]);
        await note(tx, event);
      },
    );
    const service = await stock.scene.consume([consumer], {
      parking: { systemic: { keys: 1_000, withinMs: 60_000 } },
    });
    const bad = [1, 2, 3, 4].map((n) => source.record(counted({ key: `k${n} ${CANARY}`, n })));
    const unreadable = ['not json', Buffer.from([0xff, 0xfe, 0]), '{"key":1}', null].map((value, n) =>
      spoilt(source.record(counted({ key: `u${n}`, n: 9 })), value),
    );
    await sendRecords(stock.scene.broker, [
      ...bad,
      ...unreadable,
      source.record(counted({ key: 'last', n: 99 })),
    ]);
    await stock.until(1);
    expect(await stock.applied()).toEqual([99]);
    await waitUntil(() => partitionOf(service)?.nextOffset === 9n, { what: 'the end of the log' });
    const letters = await stock.parked('--state', 'dead');
    expect(letters).toHaveLength(8);
    await waitUntil(async () => (await stock.failures()).length === 8, { what: 'a failure event for each' });
    const kept = await Promise.all(letters.map(async ({ id }) => (await shown(id)).payload));
    expect(kept).toContain('not json');
    const reasons = logged.map((line) => (JSON.parse(line) as { reason?: string }).reason ?? '');
    expect(logged.filter((line) => line.includes(CANARY))).toEqual([]);
    expect(reasons).toContain('no stock for [value] in the warehouse');
    expect(reasons).toContain('a text could not be parsed (the message quotes it)');
    expect(reasons.some((reason) => /^SQLSTATE 22P02/.test(reason))).toBe(true);
  } finally {
    ends();
  }
});

/** A failure event as another service publishes it. */
const failureOf = (key: string) =>
  paymentsFailure({ type: stock.events.counted.type, topic: stock.topic }, key);

it.each(['first seen', 'declared'])(
  'G5g: a failure event is acted on only when it comes from the %s source of the consumer that failed',
  async (how) => {
    const compensated: string[] = [];
    const payments = new FixtureSource({ partitions: 1, name: 'payments' });
    const other = new FixtureSource({ partitions: 1, name: 'other', id: randomUUID() });
    const failureSources = how === 'declared' ? { payments: payments.id } : {};
    const compensating = defineConsumer<LedgerDb>(stock.name, {
      from: 'earliest',
      failureSources,
    }).onFailure(
      consumerRef('payments'),
      stock.events.counted,
      (failure) => void compensated.push(failure.event.key),
    );
    await stock.scene.consume([compensating]);
    const { broker } = stock.scene;
    if (how === 'declared') await other.publish(broker, [failureOf('too early')]);
    await payments.publish(broker, [failureOf('first')]);
    await waitUntil(() => compensated.includes('first'), { what: 'the compensation' });
    await other.publish(broker, [failureOf('another')]);
    await payments.publish(broker, [failureOf('second')]);
    await waitUntil(() => compensated.includes('second'), { what: 'the second compensation' });
    expect(compensated).toEqual(['first', 'second']);
    await waitUntil(async () => (await stock.parked()).some(({ code }) => code === 'FAILURE_SOURCE'), {
      what: 'the refused one to be kept',
    });
  },
);
