/** Tests of the checker: each planted fault in otherwise right rows is found, alone. */
import { describe, expect, it } from 'vitest';
import { checkSagas } from './check.ts';
import type { EventRow, FenceRow, JournalRow, SagaDump, Shape } from './facts.ts';

const shape: Shape = {
  name: 's',
  start: 'started',
  steps: [
    { name: 'a', kind: 'compensatable' },
    { name: 'b', kind: 'compensatable' },
    { name: 'p', kind: 'pivot' },
    { name: 'r', kind: 'retriable' },
  ],
};

interface Decision extends Readonly<Record<'step' | 'op' | 'to' | 'act' | 'cause', string>> {
  readonly emits?: string;
}

/** A run of these decisions; the last one of each step is its fence. */
function run(
  instance: string,
  decisions: readonly Decision[],
): Pick<SagaDump, 'events' | 'fences' | 'journal'> {
  const journal: JournalRow[] = [];
  for (const { step, op, to, act, cause, emits } of decisions) {
    const before = journal.filter((row) => row.step === step);
    journal.push({
      source: step,
      saga: 's',
      instance,
      step,
      op,
      to,
      act,
      seq: before.length + 1,
      from: before.at(-1)?.to ?? 'absent',
      causeEvent: `${instance}${cause}`,
      emittedEvent: emits === undefined ? null : `${instance}${emits}`,
      atMs: journal.length,
    });
  }
  const last = new Map(journal.map((row) => [row.step, row]));
  const fences = [...last.values()].map(({ source, step, to: state }): FenceRow => {
    const reason = state === 'stuck' ? 'DATA' : null;
    return { source, saga: 's', instance, step, state, reasonCode: reason, stuck: reason };
  });
  const emitted = journal.flatMap(({ emittedEvent }): EventRow[] =>
    emittedEvent === null ? [] : [{ eventId: emittedEvent, type: 'fact', source: 'x' }],
  );
  return { journal, fences, events: [{ eventId: instance, type: 'started', source: 'x' }, ...emitted] };
}

const forward = (step: string, cause: string): Decision[] => [
  { step, op: 'apply', to: 'started', act: 'run', cause },
  { step, op: 'apply', to: 'applied', act: 'emit_success', cause, emits: `-${step}` },
];
const back = (step: string, cause: string): Decision[] => [
  { step, op: 'compensate', to: 'undo_pending', act: 'undo', cause },
  { step, op: 'compensate', to: 'undone', act: 'emit_undone', cause, emits: `-un${step}` },
];
const refused: Decision = {
  step: 'p',
  op: 'apply',
  to: 'rejected',
  act: 'emit_failure',
  cause: '-b',
  emits: '-no',
};

const completed = [...forward('a', ''), ...forward('b', '-a'), ...forward('p', '-b'), ...forward('r', '-p')];
const compensated = [
  ...forward('a', ''),
  ...forward('b', '-a'),
  refused,
  ...back('b', '-no'),
  ...back('a', '-unb'),
];
/** Cancelled before b began: b answers without an effect. */
const cancelled: Decision[] = [
  ...forward('a', ''),
  { step: 'p', op: 'cancel', to: 'tombstoned', act: 'emit_failure', cause: '', emits: '-off' },
  { step: 'b', op: 'compensate', to: 'tombstoned', act: 'emit_undone', cause: '-off', emits: '-unb' },
  ...back('a', '-unb'),
];
const stuck: Decision[] = [
  ...completed.slice(0, 6),
  { step: 'r', op: 'apply', to: 'stuck', act: 'wait', cause: '-p' },
];

function dump(runs: Readonly<Record<string, readonly Decision[]>> = {}): SagaDump {
  const all = Object.entries({
    done: completed,
    back: compensated,
    off: cancelled,
    wait: stuck,
    ...runs,
  }).map(([instance, decisions]) => run(instance, decisions));
  return {
    events: all.flatMap(({ events }) => events),
    fences: all.flatMap(({ fences }) => fences),
    journal: all.flatMap(({ journal }) => journal),
    effects: [
      { consumer: 'A', act: 'apply', eventId: 'done', type: 't', atMs: 0 },
      { consumer: 'A', act: 'apply', eventId: 'back', type: 't', atMs: 0 },
      { consumer: 'A', act: 'compensate', eventId: 'back', type: 't', atMs: 0 },
    ],
  };
}

function kinds(of: SagaDump): Record<string, number> {
  const findings = checkSagas(shape, of).checks.flatMap((check) => check.findings);
  const byKind = Map.groupBy(findings, (text) => text.slice(0, text.indexOf(':')));
  return Object.fromEntries([...byKind].map(([kind, texts]) => [kind, texts.length]));
}

const changed = <Row>(rows: readonly Row[], which: (row: Row) => boolean, change: Partial<Row>): Row[] => {
  if (!rows.some(which)) throw new Error('nothing to tamper with');
  return rows.map((row) => (which(row) ? { ...row, ...change } : row));
};

describe('sagas without faults', () => {
  it('sagas without faults are counted by their ends, and no anomaly is found', () => {
    const { ends, checks } = checkSagas(shape, dump());
    expect(ends).toEqual({ completed: 1, compensated: 2, stuck: 1, open: 0 });
    expect(kinds(dump())).toEqual({});
    expect(checks.filter(({ looked }) => looked === 0)).toEqual([]);
  });
});

describe('a planted fault is found, alone', () => {
  it('open: a saga that stops in the middle or never begins is found', () => {
    expect(kinds(dump({ half: completed.slice(0, 4) }))).toEqual({ open: 1 });
    expect(kinds(dump({ none: [] }))).toEqual({ open: 1 });
    // An undo that never ended.
    expect(kinds(dump({ half: compensated.slice(0, -1) }))).toEqual({ open: 1 });
  });

  it('stuck_silently: a step that waits for an operator without a reason is found', () => {
    const one = dump();
    const fences = changed(one.fences, ({ state }) => state === 'stuck', { stuck: null, reasonCode: null });
    expect(kinds({ ...one, fences })).toEqual({ stuck_silently: 1 });
  });

  it('torn: a saga that is undone behind its pivot is found', () => {
    const after = [...completed.slice(0, 6), ...back('b', '-p').slice(0, 2)];
    expect(kinds(dump({ torn: after })).torn).toBe(2);
  });

  it('torn: a step that is done behind a pivot that did not happen is found', () => {
    expect(kinds(dump({ torn: [...compensated, ...forward('r', '-no')] })).torn).toBe(1);
  });

  it('unstarted: a step of a saga that was never started is found', () => {
    const one = dump();
    const [row] = one.fences;
    const fences = [...one.fences, { ...(row as FenceRow), instance: 'ghost' }];
    expect(kinds({ ...one, fences })).toEqual({ unstarted: 1 });
  });

  it('undo_order: a first step that is undone before the second one, or by a step two behind it, is found', () => {
    const early = [...compensated.slice(0, 5), ...back('a', '-no'), ...back('b', '-no')];
    expect(kinds(dump({ early }))).toEqual({ undo_order: 2 });
    const one = dump();
    const journal = changed(one.journal, ({ step, act }) => step === 'b' && act === 'emit_undone', {
      atMs: 99,
    });
    expect(kinds({ ...one, journal }).undo_order).toBeGreaterThan(0);
  });

  it('undo_order: a step that is closed by the failure of a later one is found', () => {
    const one = dump();
    const closed = (of: string): readonly JournalRow[] =>
      one.journal.map((row) =>
        row.instance === 'back' && row.step === of && row.op === 'compensate'
          ? { ...row, act: 'closed' }
          : row,
      );
    expect(kinds({ ...one, journal: closed('a') }).undo_order).toBeGreaterThan(0);
  });

  it('undo_order and orphan: an undo without a request is found', () => {
    const one = dump();
    const asked = ({ instance, step, op }: JournalRow): boolean =>
      instance === 'back' && step === 'b' && op === 'compensate';
    const journal = changed(one.journal, asked, { causeEvent: 'unknown' });
    expect(kinds({ ...one, journal })).toEqual({ undo_order: 2, orphan: 2 });
  });

  it('orphan: a decision whose cause was never written is found', () => {
    const one = dump();
    expect(kinds({ ...one, events: one.events.filter(({ eventId }) => eventId !== 'back-no') })).toEqual({
      orphan: 2,
    });
  });

  it('journal: a decision that is missing or contradicts its fence is found', () => {
    const one = dump();
    const first = ({ instance, step, seq }: JournalRow): boolean =>
      instance === 'done' && step === 'a' && seq === 1;
    expect(kinds({ ...one, journal: one.journal.filter((row) => !first(row)) })).toEqual({ journal: 1 });
    const last = ({ instance, step, seq }: JournalRow): boolean =>
      instance === 'done' && step === 'a' && seq === 2;
    expect(kinds({ ...one, journal: changed(one.journal, last, { to: 'rejected' }) })).toEqual({
      journal: 1,
    });
    expect(kinds({ ...one, journal: changed(one.journal, last, { from: 'unknown' }) })).toEqual({
      journal: 1,
    });
  });

  it('effect: an effect that is doubled, undone and never done, or of an unknown event is found', () => {
    const one = dump();
    const [effect] = one.effects;
    if (effect === undefined) throw new Error('no effect');
    expect(kinds({ ...one, effects: [...one.effects, effect] })).toEqual({ effect: 1 });
    const undone = { ...effect, act: 'compensate' };
    expect(kinds({ ...one, effects: [...one.effects, undone, undone] })).toEqual({ effect: 1 });
    expect(kinds({ ...one, effects: [...one.effects.slice(0, 1), { ...undone, eventId: 'off' }] })).toEqual({
      effect: 1,
    });
    expect(kinds({ ...one, effects: [{ ...effect, eventId: 'unknown' }] })).toEqual({ effect: 1 });
  });

  it('effect: a step that is undone twice, or without having been done, is found', () => {
    const one = dump();
    const undone = one.journal.find(({ act, to }) => act === 'emit_undone' && to === 'undone')!;
    const of = ({ instance, step }: JournalRow): boolean =>
      instance === undone.instance && step === undone.step;
    const again = { ...undone, seq: undone.seq + 1, from: 'undone' };
    expect(kinds({ ...one, journal: [...one.journal, again] })).toEqual({ effect: 1 });
    const never = one.journal.filter((row) => !(of(row) && row.act === 'run'));
    expect(kinds({ ...one, journal: never }).effect).toBe(1);
  });

  it('two_facts: a step that reported success and then failure is found', () => {
    const both = [
      ...completed.slice(0, 4),
      { ...refused, to: 'applied', emits: '-no' },
      ...forward('p', '-b'),
    ];
    expect(kinds(dump({ both: [...both, ...forward('r', '-p')] })).two_facts).toBeUndefined();
    const after = [...completed, { ...refused, to: 'applied' }];
    expect(kinds(dump({ after })).two_facts).toBe(1);
  });
});
