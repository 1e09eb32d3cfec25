import { KIT_TYPES, parsePosition } from '@convergekit/contracts/engine';
import { expect, test } from 'vitest';
import { forgeryOf, type Reach } from './reach.ts';

const reach: Reach = { epoch: 3, latest: 500n, sequence: 9_000n, sinceLatestMs: 60_000 };
const N = 'a'.repeat(16);
const forgery = (position: string, type = 'shop.order.placed'): string | undefined =>
  forgeryOf({ position: parsePosition(position), type }, reach);

test.each([
  ['its latest event', `3.500.9000.${N}`],
  ['an event of an epoch before', `2.500.9000.${N}`],
  [
    'what it published and lost in a restore, as far as a relay can come in the time since',
    `3.1600000.20000.${N}`,
  ],
  ['what it published in an epoch that a restore lost', `4.700.20000.${N}`],
])('a source can have written %s', (_, position) => {
  expect(forgery(position)).toBeUndefined();
});

test('a source can have written the marker of an epoch', () => {
  expect(forgery(`4.0.0.${'0'.repeat(16)}`, KIT_TYPES.epochMarker)).toBeUndefined();
});

test.each([
  ['a tick that no relay can have reached by now', `3.1600501.1.${N}`, /tick 1600501 is out of reach/],
  ['the highest tick there is', `3.9223372036854775807.1.${N}`, /no relay can have made more than/],
  ['an epoch that no operator can have begun', `2147483647.1.1.${N}`, /epoch 2147483647 is out of reach/],
  ['an id that was not drawn by its tick', `3.500.9001.${N}`, /id 9001 is out of reach/],
  ['an id that the outbox refuses', `3.501.9007199254740993.${N}`, /out of reach/],
  ['a position without a nonce', '3.500.9000', /no nonce/],
  ['an event with the tick of a marker', `4.0.0.${N}`, /marker/],
])('a source cannot have written %s', (_, position, why) => {
  expect(forgery(position)).toMatch(why);
});

test('a source cannot have written a marker with a tick', () => {
  expect(forgery(`3.501.1.${N}`, KIT_TYPES.epochMarker)).toMatch(/marker/);
});

test('a clock that stepped back does not shorten the reach below its slack', () => {
  const position = parsePosition(`3.1000500.1.${N}`);
  expect(forgeryOf({ position, type: 't' }, { ...reach, sinceLatestMs: -1e9 })).toBeUndefined();
});
