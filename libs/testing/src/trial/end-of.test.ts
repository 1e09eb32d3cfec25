import { expect, it } from 'vitest';
import { errand } from '../fixture/errand.ts';
import { endOf, repeatedFacts } from './end-of.ts';

const fences = (states: Readonly<Record<string, string>>) =>
  Object.entries(states).map(([step, state]) => ({ step, state }));

it('a run is completed when every step is applied, and compensated when no step has an effect', () => {
  expect(
    endOf(errand.declaration, fences({ hold: 'applied', pay: 'applied', go: 'applied', note: 'applied' })),
  ).toBe('completed');
  expect(endOf(errand.declaration, fences({ hold: 'undone', pay: 'undone', go: 'rejected' }))).toBe(
    'compensated',
  );
  expect(endOf(errand.declaration, fences({ hold: 'failed_not_applied' }))).toBe('compensated');
});

it('a run that is neither completed nor compensated names the state of every step', () => {
  expect(endOf(errand.declaration, fences({ hold: 'applied', pay: 'undone' }))).toEqual({
    violation:
      'the saga neither completed nor was compensated: hold applied, pay undone, go not begun, note not begun',
  });
  expect(endOf(errand.declaration, [])).toMatchObject({ violation: expect.any(String) as string });
});

it('a fact under two ids is named, a fact that was delivered twice is not', () => {
  const one = { id: '1', type: 'errand.held' };
  expect(repeatedFacts(errand.declaration, [one, one])).toEqual([]);
  expect(repeatedFacts(errand.declaration, [one, { ...one, id: '2' }])).toEqual([
    'errand.held was emitted as 2 facts',
  ]);
});
