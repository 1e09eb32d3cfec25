import { defineCall } from '@convergekit/saga';
import { queryName } from './bind-call.ts';
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

// Planted fault: one name for both queries. A claim looks at a breaker that no query of an undo opens, and takes it behind an open one.
it('the query of an undo has the breaker at which a claim of the undo looks', async () => {
  const shared = new SharedGuards({ ...world, policies: policyBook({}) });
  const charge = defineCall('bank.charge', {
    input: z.object({ cents: z.int() }),
    result: z.null(),
    idempotency: 'none',
    call: () => Promise.resolve(null),
    query: () => Promise.resolve({ kind: 'not_found' }),
    compensate: () => Promise.resolve(),
  }).bind('pay', 'pay.compensate');
  const found = await charge.undoing(applied(undefined)).query({ ...world, shared }, () => undefined);
  expect([found, [...shared.breakers.keys()]]).toEqual([
    { kind: 'applied', result: 'done' },
    [queryName('pay.compensate')],
  ]);
});
