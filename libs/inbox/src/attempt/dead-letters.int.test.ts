import { failureEvent, type FailureInput } from '@convergekit/contracts/engine';
import { ConvergeError } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { FixtureSource, sendRecords } from '../testing/fixture-source.ts';
import { type LedgerDb } from '../fixture/ledger.ts';

/**
 * Tests of the failure events that reach a handler of failures. Planted faults, each seen to fail here: a letter of any
 * size with its payload; `certainty: 'any'` that is not looked at, or taken for granted.
 */

let scene: FailureScene;
const { name, counted, priced } = sceneForEach((opened) => (scene = opened), {
  prefix: 'payments',
  more: ['known.failures', 'any.failures'],
});

const settled = (count: number) =>
  waitUntil(async () => (await scene.offset()) >= count, { what: `offset ${count}` });

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

it('a failure with an unknown outcome reaches only a failure handler with certainty any', async () => {
  await scene.source.publish(scene.broker, [counted({ key: 'a', n: 1 }), priced({ key: 'b', n: 2 })]);
  const fails = (certainty: 'unknown' | 'applied') => () => {
    throw new ConvergeError('x', { code: 'X', category: 'data', certainty });
  };
  await scene.start(
    defineConsumer<LedgerDb>({ name, from: 'beginning' })
      .on(counted, fails('unknown'))
      .on(priced, fails('applied')),
  );
  await settled(2);
  await relayed();
  const seen: string[] = [];
  const refunds = (of: string, certainty: 'known' | 'any') =>
    defineConsumer<LedgerDb>({ name: of, from: 'beginning' })
      .onFailure(counted, { of: name, certainty }, (failure) => void seen.push(`${of} ${failure.certainty}`))
      .onFailure(priced, { of: name, certainty }, (failure) => void seen.push(`${of} ${failure.certainty}`));
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
  await scene.start(defineConsumer<LedgerDb>({ name, from: 'beginning' }).on(counted, () => undefined));
  await settled(1);
  const [letter] = await scene.letters();
  expect(letter!.payload.equals(value)).toBe(true);
  const [reported] = await relayed();
  expect(reported!.event).toMatchObject({ type: 'test.counted', key: 'k' });
  expect(reported!.event.payload).toBeUndefined();
  expect(reported!.event.ref).toMatch(/^parked:[0-9a-f-]{36}$/);
  const service = await scene.start(
    defineConsumer<LedgerDb>({ name: 'known', from: 'beginning' }).onFailure(
      counted,
      { of: name },
      () => undefined,
    ),
  );
  await waitUntil(() => service.status()[0]!.partitions[0]?.nextOffset === 1n, { what: 'the letter' });
  expect((await scene.letters()).map(({ code }) => code)).toContain('FAILED_EVENT_NOT_INCLUDED');
});
