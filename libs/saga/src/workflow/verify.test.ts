import { describe, expect, it } from 'vitest';
import { type Entry, rowOf } from './entry.ts';
import { emptyFold, foldEntry, stateOf } from './fold.ts';
import type { JournalRow } from './journal-sql.ts';
import { planOf } from './plan.ts';
import { whyNot } from './rules.ts';
import { verifyWorkflow } from './verify.ts';
import type { WorkflowRecord } from './workflow-sql.ts';

const failure = { category: 'business', certainty: 'not_applied', code: 'NO', message: 'no' } as const;
const intent = (step: number, path: string): Entry => ({
  kind: 'intent',
  step,
  path,
  intent: '{}',
  key: `k/${path}`,
  undo: { kind: 'undo' },
  callMs: 10,
  settleMs: 0,
});
const result = (step: number, path: string): Entry => ({
  kind: 'result',
  step,
  path,
  result: '1',
  by: 'reply',
});
const undone = (step: number, path: string): Entry => ({
  kind: 'undone',
  step,
  path,
  outcome: 'done',
  by: 'reply',
});
const undo = (step: number, path: string): Entry => ({ kind: 'undo', step, path, callMs: 10 });

/** Two steps, the second one in a scope; all of it undone. */
const story: readonly Entry[] = [
  intent(1, 'a'),
  result(1, 'a'),
  { kind: 'scope', path: 's' },
  intent(2, 's/b'),
  result(2, 's/b'),
  { kind: 'scope_done', path: 's' },
  { kind: 'compensate', path: '', trigger: 'failure', failure },
  undo(2, 's/b'),
  undone(2, 's/b'),
  undo(1, 'a'),
  undone(1, 'a'),
  { kind: 'compensated', path: '' },
];

/** The record as the engine would have written it, whether its rules allow it or not. */
function recordOf(entries: readonly Entry[]): WorkflowRecord {
  let fold = emptyFold;
  const journal = entries.map((entry, index) => {
    const row = rowOf(entry);
    fold = foldEntry(fold, entry, index);
    return { ...row, seq: index + 1, atMs: index };
  });
  const row = { workflow: 'test.s', id: 'x', input: 'null', result: null, stuckReason: null };
  return { ...row, state: stateOf(fold), entries: entries.length, journal };
}

describe('the journal of a workflow', () => {
  it('a journal that was not changed passes at each of its entries', () => {
    for (let length = 0; length <= story.length; length += 1)
      expect(verifyWorkflow(recordOf(story.slice(0, length))).findings).toEqual([]);
    expect(verifyWorkflow(recordOf(story)).plan.map(({ does }) => does)).toEqual(['done', 'done']);
  });

  it('S26: a journal shows which steps will be undone, in their order, before any is', () => {
    const { plan } = verifyWorkflow(recordOf(story.slice(0, 5)));
    expect(plan.map(({ path, does }) => `${path} ${does}`)).toEqual(['s/b undo', 'a undo']);
  });

  it('S57: a journal in which any entry was changed, removed, added or moved is found', () => {
    const { journal, ...row } = recordOf(story);
    const found = (tampered: WorkflowRecord['journal']): number =>
      verifyWorkflow({ ...row, entries: tampered.length, journal: tampered }).findings.length;
    for (const [index, entry] of journal.entries()) {
      const change = (more: object) => journal.with(index, { ...entry, ...more });
      expect(found(change({ path: `${entry.path}x` }))).toBeGreaterThan(0);
      expect(found(change({ data: 'null' }))).toBeGreaterThan(0);
      expect(found(journal.toSpliced(index, 1))).toBeGreaterThan(0);
      expect(found(journal.toSpliced(index, 0, entry))).toBeGreaterThan(0);
      const next = journal[index + 1];
      if (next !== undefined) {
        const swapped = [
          { ...next, seq: entry.seq },
          { ...entry, seq: next.seq },
        ];
        expect(found(journal.toSpliced(index, 2, ...swapped))).toBeGreaterThan(0);
      }
    }
  });

  // The check of a chain is shared with sagas: see the table of libs/saga/src/verify/verify-journal.test.ts.
  // Planted faults in `checkJournal`: each of its checks that is taken out fails the line of its code here and there.
  it('a journal that was changed is found, and each kind of change has its code', () => {
    const { journal, ...row } = recordOf(story);
    const codes = (more: Partial<WorkflowRecord>) =>
      verifyWorkflow({ ...row, journal, ...more }).findings.map(
        ({ code, seq }) => `${code} ${seq ?? 'record'}`,
      );
    const [first, second, third, ...rest] = journal as [JournalRow, JournalRow, JournalRow, ...JournalRow[]];
    const ofJournal = (rows: readonly JournalRow[], entries = rows.length) =>
      codes({ journal: rows, entries });
    const later = [first, second, third, ...rest].map((one, at) =>
      at < 2 ? one : { ...one, seq: one.seq + 1 },
    );
    expect(ofJournal(later, later.length + 1)).toEqual(['row_missing 4']);
    const impossible = [first, second, third, ...rest].with(9, { ...rest[6]!, kind: 'scope' });
    expect(ofJournal(impossible)[0]).toBe('row_impossible 10');
    expect(codes({ journal: journal.toReversed() })).toEqual([]);
    expect(codes({ journal: journal.slice(0, -1) })).toEqual(['end_missing record']);
    expect(codes({ journal: [] })).toEqual(['end_missing record']);
    expect(codes({ state: 'completed' })).toEqual(['record_differs record']);
  });

  it('a journal whose row contradicts it is found', () => {
    const record = recordOf(story.slice(0, 6));
    for (const more of [
      { state: 'completed' },
      { result: '1' },
      { stuckReason: 'irreversible' },
      { entries: 5 },
    ])
      expect(verifyWorkflow({ ...record, ...more } as WorkflowRecord).findings).toHaveLength(1);
  });

  // Planted fault: `whyNotNow` always allowing; the undo out of order then passes.
  it.each([
    ['an undo out of order', [...story.slice(0, 7), undo(1, 'a')]],
    ['an undo of what is not being undone', [...story.slice(0, 6), undo(2, 's/b')]],
    ['an undo twice', [...story.slice(0, 9), undone(2, 's/b')]],
    [
      'an end before everything is undone',
      [...story.slice(0, 9), { kind: 'compensated', path: '' } as const],
    ],
    ['a result without an intent', [result(1, 'a')]],
    ['a second result', [...story.slice(0, 2), result(1, 'a')]],
    ['a step while one is open', [intent(1, 'a'), intent(2, 'b')]],
    ['a step after the failure', [...story.slice(0, 7), intent(3, 'c')]],
    ['a step in a scope that has ended', [...story.slice(0, 6), intent(3, 's/c')]],
    [
      'an end while a scope is open',
      [...story.slice(0, 5), { kind: 'completed', path: '', result: '1' } as const],
    ],
    ['anything after the end', [...story, intent(3, 'c')]],
    [
      'a failure that was undone as if it had been done',
      [
        intent(1, 'a'),
        { kind: 'failed', step: 1, path: 'a', failure, by: 'reply' } as const,
        story[6]!,
        undone(1, 'a'),
      ],
    ],
  ])('a journal with %s is found', (_, entries) => {
    const { findings } = verifyWorkflow(recordOf(entries));
    expect(findings[0]?.code).toBe('row_impossible');
    expect(findings[0]?.what).toContain('cannot stand here');
  });

  it('S55: a journal allows no undo of a step before the steps after it are undone', () => {
    const fold = story.slice(0, 7).reduce((before, entry, at) => foldEntry(before, entry, at), emptyFold);
    expect(whyNot(fold, undo(1, 'a'))).toBe('step 2 comes first: it is done');
    expect(whyNot(fold, undo(2, 's/b'))).toBeUndefined();
    expect(planOf(fold).map(({ step }) => step)).toEqual([2, 1]);
  });
});
