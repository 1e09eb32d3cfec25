import { describe, expect, it } from 'vitest';
import type { Claim } from './claim.ts';
import { decideDrift, repairsAllowed } from './decide.ts';
import { decidedReconciler as reconciler } from './fixture/decided.ts';
import type { Reconciler } from './reconciler.ts';

describe('the decision about drift', () => {
  const seen = { repairs: 0, driftHash: 'd', driftAgeMs: 1_000, wait: null };
  it.each<[string, Reconciler, Partial<Claim>, unknown]>([
    [
      'new drift waits for its settle window',
      reconciler(),
      { driftHash: null },
      { kind: 'pending', remainingMs: 1_000 },
    ],
    [
      'another drift than before restarts the settle window',
      reconciler(),
      { driftHash: 'e' },
      { kind: 'pending', remainingMs: 1_000 },
    ],
    [
      'the same drift waits for the rest of its settle window',
      reconciler(),
      { driftAgeMs: 400 },
      { kind: 'pending', remainingMs: 600 },
    ],
    ['drift after its settle window is repaired', reconciler(), {}, null],
    ['drift in mode observe is only recorded', reconciler({ mode: 'observe' }), {}, { kind: 'observed' }],
    ['drift in mode warn is only recorded', reconciler({ mode: 'warn' }), {}, { kind: 'observed' }],
    [
      'drift that the reconciler calls unresolvable is not repaired',
      reconciler({ unresolvable: () => 'lost' }),
      {},
      { kind: 'unresolvable', reason: 'lost' },
    ],
    [
      'a key that flaps is left to an operator',
      reconciler(),
      { repairs: 5 },
      { kind: 'flapping', repairs: 5 },
    ],
  ])('%s', (_name, of, over, expected) => {
    const found = decideDrift(of, { ...seen, ...over }, { drift: {}, mode: of.mode }, 'd');
    if (expected === null) expect(found).toBeNull();
    else expect(found).toMatchObject(expected as object);
  });
});

it.each([
  { keys: 50, allowed: 20, why: 'a few in any case' },
  { keys: 2_000, allowed: 40, why: 'two percent' },
  { keys: 1_000_000, allowed: 100, why: 'never more than a hundred' },
])('a window of $keys keys allows $allowed repairs: $why', ({ keys, allowed }) => {
  expect(repairsAllowed(reconciler(), keys)).toBe(allowed);
});
