import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SagaDeclaration, stepsOf } from '../declare/declaration.ts';
import { anySaga, shapes } from '../fixture/any-saga.ts';
import { type Fault, faultsOf, reach } from '../fixture/reach.ts';
import { placeOrder } from '../fixture/sagas.ts';
import { type Fact, type Facts, NO_FACTS, withFact } from './facts.ts';
import { judge } from './judge.ts';

let clock = 0;
const evidence = () => {
  clock += 1;
  return { event: `e${clock}`, at: new Date(clock).toISOString() };
};
const start = (): Fact => ({ kind: 'start', evidence: evidence() });
const success = (step: string): Fact => ({ kind: 'success', step, evidence: evidence() });
const undone = (step: string): Fact => ({ kind: 'undone', step, evidence: evidence() });
const failure = (
  step: string,
  certainty: 'not_applied' | 'applied' | 'unknown' = 'not_applied',
  code = 'NO',
): Fact => ({ kind: 'failure', step, evidence: { ...evidence(), certainty, code, reason: 'so it is' } });
let seq = 0;
const waits = (step: string, is: 'stuck' | 'released', op: 'apply' | 'compensate' = 'apply'): Fact => {
  seq += 1;
  return {
    kind: 'stuck',
    step,
    evidence: { ...evidence(), seq, is, op, code: 'LOST', reason: 'its outcome is unknown' },
  };
};
const factsOf = (facts: readonly Fact[]): Facts => facts.reduce(withFact, NO_FACTS);

/** Pure: all facts of a saga that meets this fault, or none. */
function factsUpTo(declaration: SagaDeclaration, fault: Fault | undefined): readonly Fact[] {
  const steps = stepsOf(declaration);
  const done = steps.filter((step) => fault === undefined || step.stage < fault.step.stage);
  const evidence = [start(), ...done.map(({ name }) => success(name))];
  if (fault === undefined) return evidence;
  const certainty = fault.kind === 'given_up_applied' ? 'applied' : 'not_applied';
  const back = [...reach(declaration, fault)].map(({ name }) => undone(name));
  if (fault.kind === 'timed_out') return [...evidence, ...back];
  // The outcome was unknown at first; an operator retried it, and it waited once more.
  const { name } = fault.step;
  const waited = [waits(name, 'stuck'), waits(name, 'released'), waits(name, 'stuck')];
  return [...evidence, failure(name, 'unknown'), ...waited, failure(name, certainty), ...back];
}

describe('the state of a saga', () => {
  const { declaration } = placeOrder;
  const forward = [start(), success('reserve'), success('pay')];
  const cases: readonly [string, readonly Fact[], string, string?][] = [
    ['it has begun', [start()], 'running'],
    ['half of its steps are done', forward, 'running'],
    ['all steps are done', [...forward, success('ship'), success('confirm')], 'completed'],
    ['its end is known before the steps before it', [success('confirm')], 'completed'],
    [
      'the first step was refused',
      [start(), failure('reserve')],
      'compensated',
      'reserve failed: NO (so it is)',
    ],
    ['a later step was refused', [...forward, failure('ship')], 'compensating', 'ship failed: NO (so it is)'],
    [
      'half of its steps are undone',
      [...forward, failure('ship'), undone('pay')],
      'compensating',
      'ship failed: NO (so it is)',
    ],
    [
      'all steps are undone',
      [...forward, failure('ship'), undone('pay'), undone('reserve')],
      'compensated',
      'ship failed: NO (so it is)',
    ],
    ['an undo is known before its cause', [undone('pay')], 'compensating'],
    [
      'a step took effect, and failed',
      [start(), failure('reserve', 'applied')],
      'compensating',
      'reserve failed: NO (so it is)',
    ],
    [
      'the outcome of a step is unknown',
      [...forward.slice(0, 2), failure('pay', 'unknown')],
      'running',
      'pay failed, and it is not known yet whether it took effect: NO (so it is)',
    ],
    [
      'the outcome of a step was unknown, and it took effect',
      [...forward.slice(0, 2), failure('pay', 'unknown'), success('pay')],
      'running',
    ],
    [
      'the outcome of a step was unknown, and it took no effect',
      [...forward.slice(0, 2), failure('pay', 'unknown'), failure('pay')],
      'compensating',
      'pay failed: NO (so it is)',
    ],
    [
      'the pivot took effect, and failed',
      [...forward, failure('ship', 'applied')],
      'running',
      'ship failed: NO (so it is)',
    ],
    [
      'a step behind the pivot was given up',
      [...forward, success('ship'), failure('confirm'), waits('confirm', 'stuck')],
      'stuck',
      'confirm waits for an operator: LOST (its outcome is unknown)',
    ],
    [
      'an operator has a step behind the pivot retried',
      [
        ...forward,
        success('ship'),
        failure('confirm'),
        waits('confirm', 'stuck'),
        waits('confirm', 'released'),
      ],
      'running',
    ],
    [
      'a stuck step behind the pivot works on a retry',
      [...forward, success('ship'), failure('confirm'), waits('confirm', 'stuck'), success('confirm')],
      'completed',
    ],
    [
      'the outcome of a step is unknown, and it has no query',
      [...forward.slice(0, 2), failure('pay', 'unknown'), waits('pay', 'stuck')],
      'stuck',
      'pay waits for an operator: LOST (its outcome is unknown)',
    ],
    [
      'an operator states that a step took effect',
      [...forward.slice(0, 2), failure('pay', 'unknown'), waits('pay', 'stuck'), success('pay')],
      'running',
    ],
    [
      'an operator states that a step did not take effect',
      [...forward.slice(0, 2), failure('pay', 'unknown'), waits('pay', 'stuck'), failure('pay')],
      'compensating',
    ],
    [
      'an undo has failed for too long',
      [...forward, failure('ship'), waits('pay', 'stuck', 'compensate')],
      'stuck',
      'the undo of pay waits for an operator: LOST (its outcome is unknown)',
    ],
    [
      'an undo works after it was stuck',
      [...forward, failure('ship'), waits('pay', 'stuck', 'compensate'), undone('pay')],
      'compensating',
    ],
    [
      'its events contradict each other',
      [success('confirm'), undone('pay')],
      'stuck',
      'contradiction: it completed, and pay was undone',
    ],
  ];
  it.each(cases)('the state of a saga is known when %s', (_, facts, state, reason) => {
    expect(judge(declaration, factsOf(facts), false)).toMatchObject({
      state,
      ...(reason === undefined ? {} : { reason }),
    });
  });

  it('a saga past its deadline is expired, unless it has ended or waits for an operator', () => {
    for (const [, facts, state] of cases)
      expect(judge(declaration, factsOf(facts), true).state).toBe(
        state === 'running' || state === 'compensating' ? 'expired' : state,
      );
  });

  it('the state of a saga is the same in whichever order its events come, and however often', () => {
    fc.assert(
      fc.property(shapes, fc.nat(), fc.infiniteStream(fc.nat()), (shape, pick, order) => {
        const declaration = anySaga(shape);
        const faults = [undefined, ...faultsOf(declaration)];
        const facts = factsUpTo(declaration, faults[pick % faults.length]);
        const rank = new Map(
          [...facts, ...facts].map((fact, at) => [{ fact, at }, order.next().value as number]),
        );
        const shuffled = [...rank].toSorted(([, a], [, b]) => a - b).map(([{ fact }]) => fact);
        expect(factsOf(shuffled)).toEqual(factsOf(facts));
      }),
    );
  });

  // Planted fault: a judge that looks at the last stage's successes or the first one's undone events with `some` fails here.
  it('a saga is completed after its last event without a fault, compensated after its last event with any fault, and neither before', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const declaration = anySaga(shape);
        for (const fault of [undefined, ...faultsOf(declaration)]) {
          const facts = factsUpTo(declaration, fault);
          const end = fault === undefined ? 'completed' : 'compensated';
          expect(judge(declaration, factsOf(facts), false).state).toBe(end);
          expect(judge(declaration, factsOf(facts.slice(0, -1)), false).state).not.toBe(end);
        }
      }),
      { numRuns: 40 },
    );
  });
});
