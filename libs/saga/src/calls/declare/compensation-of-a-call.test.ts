import { defineCall } from '@convergekit/saga';
import { systemClock, systemRandom } from '@convergekit/core';
import { policyBook, SharedGuards } from '@convergekit/resilience';
import { expect, it } from 'vitest';
import { z } from 'zod';

const world = { clock: systemClock, random: systemRandom };
const guards = { ...world, ...new SharedGuards({ ...world, policies: policyBook({}) }).for('pay.undo') };
const applied = (result: string | undefined) => ({
  input: () => ({ cents: 5 }) as never,
  key: () => 'key-of-the-call',
  undoKey: 'key-of-the-undo',
  result,
  reason: { code: 'FULL', message: 'no seat' },
});

it('N20, G6r: an undo gets key and result of the call under one name, and its own key under another', async () => {
  const seen: unknown[] = [];
  const charge = defineCall('bank.charge', {
    input: z.object({ cents: z.int() }),
    result: z.object({ receipt: z.string() }),
    idempotency: 'keyed',
    call: () => Promise.resolve({ receipt: 'r' }),
    compensate: ({ input, call, reason }, context) => {
      // @ts-expect-error an undo has `undoKey`, and what it undoes is `call.key`
      expect(context.idempotencyKey).toBeUndefined();
      seen.push({ input, call, reason, undoKey: context.undoKey, names: Object.keys(context).toSorted() });
      return Promise.resolve();
    },
  }).bind('pay');
  for (const result of ['{"receipt":"r"}', undefined])
    expect(await charge.undoing(applied(result)).call(guards, () => undefined)).toBe('done');
  const same = {
    input: { cents: 5 },
    reason: { code: 'FULL', message: 'no seat' },
    undoKey: 'key-of-the-undo',
    names: ['attempt', 'deadline', 'headers', 'signal', 'undoKey'],
  };
  expect(seen).toEqual([
    { ...same, call: { key: 'key-of-the-call', result: { receipt: 'r' } } },
    { ...same, call: { key: 'key-of-the-call', result: undefined } },
  ]);
});
