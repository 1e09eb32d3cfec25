import { waitUntil } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';

let scene: FailureScene;
const { name, counted } = sceneForEach((opened) => (scene = opened));

const cyclic = new Error('its own cause');
cyclic.cause = cyclic;
const ring = new AggregateError([], 'a ring');
for (let at = 0; at < 10; at += 1) ring.errors.push(ring);
ring.cause = ring;

function unreadable(): never {
  throw new Error('no answer to read');
}

// Seen to fail with the first, whose causes were followed without an end: the process stood still; and with the last two, whose
// message is read for the log: the consumer stopped.
it.each([
  ['an error that is its own cause', cyclic],
  ['an aggregate of itself', ring],
  ['undefined', undefined],
  ['a text', 'no stock'],
  ['a frozen object', Object.freeze({ message: 'frozen', category: 'data' })],
  ['an object without a prototype', Object.create(null)],
  ['a symbol', Symbol('odd')],
  ['an object whose message throws', Object.defineProperty({}, 'message', { get: unreadable })],
  ['an error whose message throws', Object.defineProperty(new Error(), 'message', { get: unreadable })],
])('a handler that throws %s fails its own event alone', async (_, thrown: unknown) => {
  const consumer = defineConsumer<LedgerDb>(name, { from: 'first', onDead: 'skip' }).on(
    counted,
    async (event, { tx }) => {
      await note(tx, event);
      if (event.data.n === 2) throw thrown;
    },
  );
  await scene.start(consumer);
  await scene.source.publish(
    scene.broker,
    [1, 2, 3].map((n) => counted({ key: `k${n}`, n })),
  );
  await waitUntil(async () => (await scene.offset()) >= 3, { what: 'the last offset' });
  expect((await lines(scene.database)).map(({ n }) => n)).toEqual([1, 3]);
  expect(await scene.letters()).toHaveLength(1);
});
