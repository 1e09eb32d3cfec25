import { failureEvent, type FailureInput } from '@convergekit/contracts/engine';
import { ConvergeError, systemClock } from '@convergekit/core';
import { operation } from '@convergekit/resilience';
import { waitUntil } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { consumerRef } from '../define/consumer-ref.ts';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { FixtureSource, sendRecords } from '../testing/fixture-source.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';

/**
 * Tests of the failure events that reach a handler of failures. Planted faults, each seen to fail here: a letter of any
 * size with its payload; a `certainty` that is not looked at; `known` as the default; a handler's bug of unknown outcome;
 * an `operation` in the handler that is not looked at; an unknown outcome of a saga's step that reaches the handler.
 */

let scene: FailureScene;
const { name, counted, priced } = sceneForEach((opened) => (scene = opened), {
  prefix: 'payments',
  more: ['known.failures', 'any.failures'],
});

const now = '2026-01-01T00:00:00.000Z';

/** Moves the failure events from the outbox into their topic, as the relay does. */
async function relayed(): Promise<readonly FailureInput[]> {
  const reported = (await scene.outbox()).map(({ event_id, payload }) => ({
    event_id,
    input: JSON.parse(payload) as FailureInput,
  }));
  const relay = new FixtureSource({ partitions: 1, name: 'payments' });
  await sendRecords(
    scene.broker,
    reported.map(({ event_id, input }) => relay.record(failureEvent(name)(input), event_id)),
  );
  return reported.map(({ input }) => input);
}

/** Collects what a failure handler gets, until it has passed `count` failure events. */
async function compensated(count: bigint, certainty?: 'known'): Promise<readonly string[]> {
  const seen: string[] = [];
  const service = await scene.start(
    defineConsumer<LedgerDb>(certainty ?? 'any', { from: 'first' }).onFailure(
      consumerRef(name),
      counted,
      { ...(certainty && { certainty }) },
      ({ event, category, code, certainty: certain }) =>
        void seen.push(`${event.data.key} ${category} ${code} ${certain}`),
    ),
  );
  await waitUntil(() => service.status()[0]!.partitions[0]?.nextOffset === count, { what: 'the letters' });
  return seen;
}

it('G5d: the bug of a handler that wrote and was rolled back is compensated by default, as one without effect', async () => {
  await scene.source.publish(scene.broker, [counted({ key: 'a', n: 1 })]);
  await scene.start(
    defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
      await note(tx, event);
      (undefined as unknown as { total: () => void }).total();
    }),
  );
  await scene.settled(1);
  await relayed();
  expect(await compensated(1n, 'known')).toEqual(['a bug TypeError not_applied']);
  expect(await compensated(1n)).toEqual(['a bug TypeError not_applied']);
  expect(await lines(scene.database)).toEqual([]);
});

it('G5d: the bug of a handler that called another system before is of unknown outcome, and reaches the failure handler', async () => {
  const bank = operation({ name: 'bank.book', idempotency: 'none', call: () => Promise.resolve('booked') });
  await scene.source.publish(scene.broker, [counted({ key: 'a', n: 1 })]);
  await scene.start(
    defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async () => {
      await bank.run(undefined, { clock: systemClock, random: () => 0.5 });
      throw new Error('a bug behind the call');
    }),
  );
  await scene.settled(1);
  await relayed();
  expect(await compensated(1n, 'known')).toEqual([]);
  expect(await compensated(1n)).toEqual(['a bug UNCLASSIFIED unknown']);
});

it('an unknown outcome of a saga’s step does not reach a failure handler, and its resolution does', async () => {
  const saga = { name: 'orders', version: 1, instance: 'i', step: 'pay', op: 'apply' } as const;
  const failed = (certainty: 'unknown' | 'not_applied'): FailureInput => ({
    consumer: name,
    handler: 'orders.pay',
    category: 'network',
    code: 'TIMEOUT',
    message: 'late',
    certainty,
    attempts: [],
    firstAt: now,
    lastAt: now,
    saga,
    event: {
      id: 'e',
      type: 'test.counted',
      source: 's',
      topic: 'orders',
      partition: 0,
      offset: '0',
      key: 'a',
      payload: '{"key":"a","n":1}',
    },
  });
  const relay = new FixtureSource({ partitions: 1, name: 'payments' });
  const records = (['unknown', 'not_applied'] as const).map((one) =>
    relay.record(failureEvent(name)(failed(one))),
  );
  await sendRecords(scene.broker, records);
  expect(await compensated(2n)).toEqual(['a network TIMEOUT not_applied']);
});

// Planted fault: without its own code the letter says that the failure event itself is broken.
it('a failed event that its own service cannot parse becomes a dead letter by name, and no handler gets half of it', async () => {
  const good = scene.source.record(counted({ key: 'k', n: 1 }));
  const value = Buffer.from('{"key":"k","n":"one"}');
  await sendRecords(scene.broker, [{ ...good, record: { ...good.record, value } }]);
  await scene.start(defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, () => undefined));
  await scene.settled(1);
  const [reported] = await relayed();
  expect(reported).toMatchObject({ category: 'data', code: 'DATA_INVALID', certainty: 'not_applied' });
  expect(await compensated(1n)).toEqual([]);
  const codes = (await scene.letters()).map(({ code }) => code);
  expect(codes.toSorted()).toEqual(['DATA_INVALID', 'FAILED_EVENT_UNREADABLE']);
});

it('a failure with an unknown outcome reaches only a failure handler with certainty any', async () => {
  await scene.source.publish(scene.broker, [counted({ key: 'a', n: 1 }), priced({ key: 'b', n: 2 })]);
  const fails = (certainty: 'unknown' | 'applied') => () => {
    throw new ConvergeError('x', { code: 'X', category: 'data', certainty });
  };
  await scene.start(
    defineConsumer<LedgerDb>(name, { from: 'first' })
      .on(counted, fails('unknown'))
      .on(priced, fails('applied')),
  );
  await scene.settled(2);
  await relayed();
  const seen: string[] = [];
  const refunds = (of: string, certainty: 'known' | 'any') =>
    defineConsumer<LedgerDb>(of, { from: 'first' })
      .onFailure(
        consumerRef(name),
        counted,
        { certainty },
        (failure) => void seen.push(`${of} ${failure.certainty}`),
      )
      .onFailure(
        consumerRef(name),
        priced,
        { certainty },
        (failure) => void seen.push(`${of} ${failure.certainty}`),
      );
  for (const certainty of ['known', 'any'] as const) {
    const service = await scene.start(refunds(certainty, certainty));
    await waitUntil(() => service.status()[0]!.partitions[0]?.nextOffset === 2n, { what: 'both letters' });
  }
  expect(seen).toEqual(['known applied', 'any unknown', 'any applied']);
});

it('a failure event refers to a payload above 256 KB, and its compensation becomes a dead letter by name', async () => {
  const large = scene.source.record(counted({ key: 'k', n: 1 }));
  const value = Buffer.from(`{"key":"k","n":"${'x'.repeat(256 * 1024)}"}`);
  await sendRecords(scene.broker, [{ ...large, record: { ...large.record, value } }]);
  await scene.start(defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, () => undefined));
  await scene.settled(1);
  const [letter] = await scene.letters();
  expect(letter!.payload.equals(value)).toBe(true);
  const [reported] = await relayed();
  expect(reported!.event).toMatchObject({ type: 'test.counted', key: 'k' });
  expect(reported!.event.payload).toBeUndefined();
  expect(reported!.event.ref).toMatch(/^parked:[0-9a-f-]{36}$/);
  const service = await scene.start(
    defineConsumer<LedgerDb>('known', { from: 'first' }).onFailure(
      consumerRef(name),
      counted,
      () => undefined,
    ),
  );
  await waitUntil(() => service.status()[0]!.partitions[0]?.nextOffset === 1n, { what: 'the letter' });
  expect((await scene.letters()).map(({ code }) => code)).toContain('FAILED_EVENT_NOT_INCLUDED');
});
