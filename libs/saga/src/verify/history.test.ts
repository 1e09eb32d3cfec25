import { KIT_TYPES } from '@convergekit/contracts/engine';
import { expect, it } from 'vitest';
import { saga } from '../declare/saga.ts';
import {
  confirmed,
  handed,
  placed,
  refunded,
  refused,
  rejected,
  released,
  reserved,
  taken,
} from '../fixture/sagas.ts';
import type { JournalRow } from '../operate/records-sql.ts';
import { recordHistory, replayHistory } from './history.ts';

const reserve = { by: 'inventory', success: reserved, failure: rejected, undone: released } as const;
const begun = saga('test.recorded', { start: placed }).compensatable('reserve', reserve);
const { declaration } = begun
  .pivot('ship', { by: 'shipping', success: handed, failure: refused })
  .retriable('confirm', { by: 'orders', success: confirmed });

const row = (seq: number, some: Partial<JournalRow>): JournalRow => ({
  kind: 'decision',
  at: 'now',
  saga: 'test.recorded',
  version: 1,
  instance: 'i',
  step: 'reserve',
  seq,
  consumer: 'inventory',
  op: 'apply',
  outcome: null,
  plan: null,
  causeAttempt: null,
  emittedEvent: null,
  actor: null,
  note: null,
  trigger: 'begin',
  from: 'absent',
  to: 'started',
  act: 'run',
  causeEvent: 'e1',
  ...some,
});
const events = new Map([
  ['e1', placed.type],
  ['e2', reserved.type],
  ['e3', refused.type],
  ['e4', released.type],
]);
const history = recordHistory(
  [
    row(1, { plan: { undo: 'reserve', after: [] } }),
    row(2, { trigger: 'applied', from: 'started', to: 'applied', act: 'emit_success', emittedEvent: 'e2' }),
    row(3, {
      op: 'compensate',
      trigger: 'undo',
      from: 'applied',
      to: 'undo_pending',
      act: 'undo',
      causeEvent: 'e3',
    }),
    row(4, {
      op: 'compensate',
      trigger: 'undone',
      from: 'undo_pending',
      to: 'undone',
      act: 'emit_undone',
      causeEvent: 'e3',
      emittedEvent: 'e4',
    }),
  ],
  (id) => events.get(id),
);

it('S72: a history replays without findings under the declaration that wrote it', () => {
  expect(JSON.parse(JSON.stringify(history))).toEqual(history);
  expect(replayHistory([declaration], history)).toEqual([]);
});

// Planted fault: without the look at KIT_TYPES.stepUndone in `unlike` the declared event is demanded.
it('a history of a step without effect whose undo was passed on by the kit’s own event replays without findings', () => {
  const { by, decisions } = history.steps['reserve']!;
  const passed = decisions.map((one) =>
    one.act === 'emit_undone' ? { ...one, emits: KIT_TYPES.stepUndone } : one,
  );
  const steps = { reserve: { by, decisions: passed } };
  expect(replayHistory([declaration], { ...history, steps })).toEqual([]);
});

// The changes lack a new version: open sagas would not be undone, or their events not received.
it.each([
  [
    'the step was renamed',
    saga('test.recorded', { start: placed }).compensatable('hold', reserve),
    /it is not declared any more/,
  ],
  [
    'another service runs the step',
    saga('test.recorded', { start: placed }).compensatable('reserve', { ...reserve, by: 'stock' }),
    /inventory ran it, and now stock does/,
  ],
  [
    'the step emits another event',
    saga('test.recorded', { start: placed }).compensatable('reserve', { ...reserve, undone: refunded }),
    /row 4: it emitted test.released, and now emits test.refunded/,
  ],
  [
    'a step was inserted',
    begun.compensatable('pay', { by: 'payments', success: taken, undone: refunded }),
    /row 1: it was to be undone by .* and now by .*"after":\["pay"\]/,
  ],
  ['the step listens to another step', begun, /row 3: it does not listen to test.refused any more/],
  [
    'the version is gone',
    saga('test.recorded', { start: placed, version: 2 }),
    /v1 is not declared any more/,
  ],
])('the replay of a history reports a changed declaration: %s', (_what, changed, said) => {
  expect(replayHistory([changed.declaration], history).join('\n')).toMatch(said);
});

it('a fence that decides otherwise than a recorded history is reported', () => {
  const [begins, ...rest] = history.steps['reserve']!.decisions;
  const decisions = [{ ...begins!, to: 'applied' as const }, ...rest];
  const changed = { ...history, steps: { reserve: { by: 'inventory', decisions } } };
  expect(replayHistory([declaration], changed).join('\n')).toMatch(
    /row 1: begin on absent gave applied and run, and now gives started and run/,
  );
});
