import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideFence, FENCE_STATES, FENCE_TRIGGERS, type FenceFrom, type FenceTrigger } from './fence.ts';

const OUTCOMES = ['applied', 'rejected', 'not_applied', 'applied_in_failure'] as const;
type OutcomeTrigger = (typeof OUTCOMES)[number];

/**
 * Plays the events of one step in the given order. A worker's triggers (unknown, stuck, the outcome) come only for a
 * begun step, and one outcome is the truth. The requests of the fence (run, undo) change a ledger; `undone` comes only
 * from an undo.
 */
function play(order: readonly FenceTrigger[], truth: OutcomeTrigger) {
  let state: FenceFrom = 'absent';
  const seen = { runs: 0, net: 0, success: 0, failure: 0, undone: 0, refused: 0, late: false };
  const early: FenceTrigger[] = [];
  const waiting: FenceTrigger[] = [];
  const trigger = (one: FenceTrigger): void => {
    const emitted = ['unknown', 'stuck', ...OUTCOMES].includes(one);
    if (emitted && seen.runs === 0) return void early.push(one);
    const { state: next, act } = decideFence(state, one);
    state = next;
    switch (act) {
      case 'run':
        seen.runs += 1;
        if (truth === 'applied' || truth === 'applied_in_failure') seen.net += 1;
        for (const early1 of early.splice(0)) trigger(early1);
        return;
      case 'emit_success':
        seen.success += 1;
        if (seen.undone > 0) seen.late = true;
        return;
      case 'emit_failure':
        seen.failure += 1;
        // The step's own dead letter returns to it: the step took effect, so it undoes itself first.
        if (one === 'applied_in_failure') trigger('undo');
        return;
      case 'emit_undone':
        seen.undone += 1;
        return;
      case 'undo':
        seen.net = 0; // the effect has a key: a second call changes nothing
        trigger('undone');
        return;
      case 'cancel_refused':
        seen.refused += 1;
        return;
      case 'wait':
        if (one === 'cancel') waiting.push(one);
        return;
      case 'rejected_by_tombstone':
      case 'closed':
      case 'noop_already':
        return;
    }
  };
  for (const one of order) trigger(one);
  if (seen.runs > 0 && !order.includes(truth)) trigger(truth); // the worker resolves in the end
  for (const one of waiting.splice(0)) trigger(one);
  return { state: state as FenceFrom, ...seen };
}

function* permutations<T>(items: readonly T[]): Generator<readonly T[]> {
  if (items.length <= 1) {
    yield items;
    return;
  }
  for (const [at, first] of items.entries())
    for (const rest of permutations(items.toSpliced(at, 1))) yield [first, ...rest];
}

/** Lists every order in which one item comes twice: 7!/2 per item, each order once. */
function twice<T>(items: readonly T[]): Map<string, readonly T[]> {
  const orders = new Map<string, readonly T[]>();
  for (const item of items)
    for (const order of permutations([...items, item])) orders.set(order.join(), order);
  return orders;
}

const six = (truth: OutcomeTrigger): readonly FenceTrigger[] => [
  'begin',
  'unknown',
  'stuck',
  truth,
  'undo',
  'cancel',
];

/** The triggers from outside of a step that can be undone; `again` belongs to steps after the pivot. */
const OUTSIDE = FENCE_TRIGGERS.filter(
  (one) => !['undone', 'again', 'emit_again', 'close', ...OUTCOMES].includes(one),
);
/** The ends that the previous step knows by a failure event: an undone event would be a second end. */
const FAILED: readonly FenceFrom[] = ['rejected', 'failed_not_applied', 'tombstoned'];

/** A step that was to be undone. Nothing of it is left, its undone event was emitted, and no success came after that. */
function checkUndone(order: readonly FenceTrigger[], truth: OutcomeTrigger): void {
  const { state, runs, net, undone, failure, late } = play(order, truth);
  const heard = undone > 0 || (failure > 0 && FAILED.includes(state));
  const ends: readonly FenceFrom[] = ['undone', 'tombstoned', 'rejected', 'failed_not_applied'];
  if (!ends.includes(state) || net !== 0 || !heard || undone > 1 || late || runs > 1)
    throw new Error(
      `${order.join(' → ')} (${truth}) ended ${state}, net ${net}, undone ${undone}, late ${late}`,
    );
}

describe('the fence of a step', () => {
  // Planted faults that fail here: undo against `started` or `unknown` as a noop, `begin` that overruns a tombstone,
  // and an outcome that closes `undo_pending` without the undo.
  it.each(OUTCOMES)(
    'S54: a fence ends undone in all 720 orders of six events when its step was in truth %s',
    (truth) => {
      let count = 0;
      for (const order of permutations(six(truth))) {
        checkUndone(order, truth);
        count += 1;
      }
      expect(count).toBe(720);
    },
  );

  it.each(OUTCOMES)(
    'S65: a fence ends undone in all 15,120 orders of six events, one delivered twice, when its step was in truth %s',
    (truth) => {
      const orders = twice(six(truth));
      expect(orders.size).toBe(15_120);
      for (const order of orders.values()) checkUndone(order, truth);
    },
  );

  it('a fence ends in an allowed state whatever triggers come how often, the cancellation of a pivot included', () => {
    const events = fc.array(fc.constantFrom(...OUTSIDE), {
      maxLength: 14,
    });
    fc.assert(
      fc.property(events, fc.constantFrom(...OUTCOMES), (order, truth) => {
        const { state, runs, net, success, undone, late, refused, failure } = play(order, truth);
        expect([runs <= 1, success <= 1, failure <= 1, late]).toEqual([true, true, true, false]);
        expect(['started', 'unknown', 'undo_pending', 'stuck']).not.toContain(state);
        // The effect stands exactly when the step is applied, and only a standing effect refuses a cancellation.
        expect(net).toBe(state === 'applied' ? 1 : 0);
        const heard = undone > 0 || (failure > 0 && FAILED.includes(state));
        if (order.includes('undo')) expect(heard).toBe(true);
        if (refused > 0 && !order.includes('undo')) expect(state).toBe('applied');
      }),
      { numRuns: 5_000 },
    );
  });

  // Planted fault: without `close` in the table the deadline emits a failure of a saga that has ended.
  it('a fence that was closed before its step began emits nothing, whatever comes after', () => {
    const events = fc.array(fc.constantFrom<FenceTrigger>('begin', 'undo', 'cancel', 'deadline', 'close'), {
      maxLength: 10,
    });
    fc.assert(
      fc.property(events, (order) => {
        const { state, runs, success, failure, undone, refused } = play(['close', ...order], 'applied');
        expect([state, runs, success, failure, undone, refused]).toEqual(['tombstoned', 0, 0, 0, 0, 0]);
      }),
    );
  });

  it('a fence accepts every trigger in every state, and a repeated trigger changes nothing', () => {
    for (const from of ['absent', ...FENCE_STATES] as const)
      for (const trigger of FENCE_TRIGGERS) {
        const { state } = decideFence(from, trigger);
        expect(decideFence(state, trigger).state).toBe(state);
      }
  });

  it('the diagram of the fence in the docs is the one of the code', () => {
    const page = readFileSync(new URL('../../../../docs/sagas/fence.md', import.meta.url), 'utf8');
    expect(page).toContain(`\`\`\`mermaid\n${drawFence()}\n\`\`\``);
  });
});

/** The table as a Mermaid state diagram. */
function drawFence(): string {
  const froms: readonly FenceFrom[] = ['absent', 'forgotten', ...FENCE_STATES];
  const lines = froms.flatMap((from) =>
    FENCE_TRIGGERS.flatMap((trigger) => {
      const { state, act } = decideFence(from, trigger);
      if (act === 'noop_already') return [];
      return [`  ${from === 'absent' ? '[*]' : from} --> ${state}: ${trigger} / ${act}`];
    }),
  );
  return ['stateDiagram-v2', ...lines].join('\n');
}
