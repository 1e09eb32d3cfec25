import { startStack, type Stack } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judgementOf } from '../../../checker/check.ts';
import { runSpec } from '../../open.ts';
import { sagas } from '../../presets.ts';
import { quietRun } from '../../fixture/quiet-run.ts';
import type { Outcome } from '../../run.ts';

let servers: Stack | undefined;
let outcome: Outcome;
const notes: string[] = [];

// The test has a separate stack, because the topics of the samples have fixed names. `make sagas` is the long run of
// the same campaign.
beforeAll(async () => {
  servers = await startStack({ env: { CONVERGE_STACK: process.env['CONVERGE_STACK'] } });
  const spec = sagas({ orders: 40, transfers: 100, atOnce: 2, everyMs: 600 });
  const run = quietRun('.converge/sagas-e2e', 11);
  const progress = { ...run.progress, note: (text: string) => void notes.push(text) };
  outcome = await runSpec(spec, { ...run, progress }, { servers });
}, 900_000);

afterAll(() => servers?.stop(), 300_000);

describe('orders and transfers as sagas, under kills, hangs and failing steps', () => {
  it('G6c, S28, S32, S64: all sagas under faults complete, are compensated, or wait for an operator with a reason; stock and money are conserved', () => {
    const wrong = outcome.checks.filter((check) => judgementOf(check, outcome.settled) !== 'agrees');
    expect({ wrong, notes: wrong.length === 0 ? [] : notes }).toEqual({ wrong: [], notes: [] });
    expect(outcome.checks.length).toBeGreaterThan(30);
  });

  it('some sagas under faults completed and some were compensated', () => {
    const figures = new Map(outcome.figures);
    for (const saga of ['shop.place-order', 'bank.transfer-money']) {
      const text = figures.get(saga) ?? '';
      const [completed = 0, compensated = 0, , open] = [...text.matchAll(/\d+/g)].map(Number);
      expect(open, text).toBe(0);
      expect(completed, text).toBeGreaterThan(0);
      expect(compensated, text).toBeGreaterThan(0);
    }
    // Partial failure: the network between services and their databases failed, too.
    for (const group of ['kill-', 'network-database-'])
      expect(
        [...outcome.faults.keys()].some((kind) => kind.startsWith(group)),
        group,
      ).toBe(true);
  });
});
