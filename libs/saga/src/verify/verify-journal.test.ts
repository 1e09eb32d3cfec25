import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decideFence, FENCE_TRIGGERS, type FenceFrom, type FenceState } from '../fence/fence.ts';
import type { FenceView, JournalRow } from '../operate/records-sql.ts';
import { verifyJournal } from './verify-journal.ts';

const key = { saga: 'test', version: 1, instance: 'i', step: 'pay', consumer: 'payments' };

/** A journal as the kit writes it: what changed nothing has no row. */
function written(triggers: readonly JournalRow['trigger'][]) {
  const journal: JournalRow[] = [];
  let from: FenceFrom = 'absent';
  for (const trigger of triggers) {
    const { state, act } = decideFence(from, trigger);
    if (act === 'noop_already' || state === 'absent') continue;
    const emittedEvent = act.startsWith('emit') ? 'e' : null;
    const nothing = { outcome: null, plan: null, causeAttempt: null, actor: null, note: null };
    const said = {
      op: 'apply',
      trigger,
      from,
      to: state,
      act,
      causeEvent: 'c',
      emittedEvent,
    } as const;
    journal.push({ kind: 'decision', at: 'now', ...key, ...nothing, ...said, seq: journal.length + 1 });
    from = state;
  }
  const view = { ...key, key: 'k', reasonCode: null, reason: null, stuckSince: null, stripped: false };
  const fences: FenceView[] =
    from === 'absent' || from === 'forgotten'
      ? []
      : [{ ...view, seq: journal.length, state: from satisfies FenceState }];
  return { fences, journal };
}

const triggers = fc.array(fc.constantFrom(...FENCE_TRIGGERS), { minLength: 1, maxLength: 8 });

it('the verifier finds no flaw in a journal that the kit wrote, whatever happened', () => {
  fc.assert(
    fc.property(triggers, (all) => {
      expect(verifyJournal(written(all))).toEqual([]);
    }),
  );
});

// Planted fault: a replay that does not compare `from` with the row before, or `to` with the table, fails here.
it('G8b, S32: the verifier finds any one journal row that was changed, removed or added', () => {
  const states = ['absent', 'started', 'applied', 'undone', 'tombstoned', 'undo_pending', 'stuck'] as const;
  const tampering = fc.record({
    row: fc.nat(),
    how: fc.constantFrom('from', 'to', 'act', 'trigger', 'gone', 'twice'),
    state: fc.constantFrom(...states),
  });
  fc.assert(
    fc.property(triggers, tampering, (all, { row, how, state }) => {
      const { fences, journal } = written(all);
      fc.pre(journal.length > 0);
      const at = row % journal.length;
      const old = journal[at]!;
      const changed: Record<typeof how, readonly JournalRow[]> = {
        from: [{ ...old, from: state }],
        to: [{ ...old, to: state }],
        act: [{ ...old, act: old.act === 'run' ? 'wait' : 'run' }],
        trigger: [{ ...old, trigger: old.trigger === 'begin' ? 'cancel' : 'begin' }],
        gone: [],
        twice: [old, old],
      };
      fc.pre(JSON.stringify(changed[how]) !== JSON.stringify([old]));
      const tampered = journal.toSpliced(at, 1, ...changed[how]);
      // Two triggers may mean the same for a state: then nothing false is said.
      fc.pre(how !== 'trigger' || decideFence(old.from, changed.trigger[0]!.trigger).act !== old.act);
      expect(verifyJournal({ fences, journal: tampered })).not.toEqual([]);
    }),
  );
});

it('the verifier names the wrong journal row, and what it should be', () => {
  const { fences, journal } = written(['begin', 'applied', 'undo', 'undone']);
  const tampered = journal.map((row) => (row.seq === 2 ? { ...row, to: 'rejected' as const } : row));
  const cannot = 'it cannot stand here:';
  expect(verifyJournal({ fences, journal: tampered }).map(({ seq, what }) => `${seq}: ${what}`)).toEqual([
    `2: ${cannot} applied on started gives applied and emit_success, not rejected and emit_success`,
    `3: ${cannot} it says applied, but the step was rejected`,
  ]);
});

// The check of a chain is shared with workflows: see the table of libs/saga/src/workflow/verify.test.ts.
// Planted faults in `checkJournal`: each of its checks that is taken out fails the line of its code here and there.
it('names each kind of change by its code', () => {
  const { fences, journal } = written(['begin', 'applied', 'undo', 'undone']);
  const [fence] = fences as [FenceView];
  const [begun, applied, ...rest] = journal as [JournalRow, JournalRow, ...JournalRow[]];
  const codes = (read: Partial<ReturnType<typeof written>>) =>
    verifyJournal({ fences, journal, ...read }).map(({ code, seq }) => `${code} ${seq ?? 'record'}`);
  // The state fits, so that the number of the row alone is wrong.
  const counted = (seq: number) => ({ fences: [{ ...fence, seq }] });
  const later = rest.map((row) => ({ ...row, seq: row.seq + 1 }));
  expect(codes({ journal: [begun, applied, ...later], ...counted(5) })).toEqual(['row_missing 4']);
  expect(codes({ journal: [begun, { ...applied, act: 'wait' }, ...rest] })).toEqual(['row_impossible 2']);
  expect(codes({ journal: journal.toReversed() })).toEqual([]);
  expect(codes({ journal: journal.slice(0, -1) })).toEqual(['end_missing record']);
  expect(codes({ journal: [] })).toEqual(['end_missing record']);
  expect(codes({ fences: [{ ...fence, state: 'applied' }] })).toEqual(['record_differs record']);
  expect(codes({ fences: [] })).toEqual(['record_differs record']);
});
