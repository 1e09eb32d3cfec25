import { describe, expect, inject, it } from 'vitest';
import type { JournalRow, SagaDump } from '../checker/sagas/facts.ts';
import { judgeBySql } from './sql-judge.ts';

const id = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const [started, done, refused, undone] = [id(1), id(2), id(3), id(4)];
const row = (step: string, seq: number, fields: Partial<JournalRow>): JournalRow => ({
  ...{
    source: step,
    saga: 's',
    instance: started,
    step,
    seq,
    op: 'apply',
    from: 'absent',
    to: 'started',
    act: 'run',
  },
  ...{ causeEvent: started, emittedEvent: null, atMs: seq },
  ...fields,
});

/** The dump of a saga of two steps: the second was refused, the first undone. */
const sound: SagaDump = {
  events: [started, done, refused, undone].map((eventId) => ({
    eventId,
    type: 't',
    source: 'x',
    saga: null,
  })),
  fences: [
    { source: 'a', saga: 's', instance: started, step: 'a', state: 'undone', reasonCode: null, stuck: null },
    {
      source: 'p',
      saga: 's',
      instance: started,
      step: 'p',
      state: 'rejected',
      reasonCode: null,
      stuck: null,
    },
  ],
  journal: [
    row('a', 1, {}),
    row('a', 2, { from: 'started', to: 'applied', act: 'emit_success', emittedEvent: done }),
    row('p', 1, { causeEvent: done, to: 'rejected', act: 'emit_failure', emittedEvent: refused }),
    row('a', 3, { op: 'compensate', causeEvent: refused, from: 'applied', to: 'undo_pending', act: 'undo' }),
    row('a', 4, {
      op: 'compensate',
      causeEvent: refused,
      to: 'undone',
      act: 'emit_undone',
      emittedEvent: undone,
    }),
  ],
  effects: [],
};

async function found(dump: SagaDump): Promise<readonly string[]> {
  const checks = await judgeBySql(inject('stack').databaseUrl, dump);
  return checks.filter(({ findings }) => findings.length > 0).map(({ claim }) => claim.replace(/^SQL: /, ''));
}

const journal = (change: (rows: readonly JournalRow[]) => readonly JournalRow[]): SagaDump => ({
  ...sound,
  journal: change(sound.journal),
});

describe('the judge that asks in SQL', () => {
  it('the judge in SQL finds nothing wrong with a saga that was undone', async () =>
    expect(await found(sound)).toEqual([]));

  it.each<[string, SagaDump, readonly string[]]>([
    [
      'a compensation whose cause was never written',
      { ...sound, events: sound.events.filter(({ eventId }) => eventId !== refused) },
      ['no compensation without a cause'],
    ],
    [
      'an undo that no step of its saga asked for',
      journal((rows) => rows.map((one) => (one.step === 'p' ? { ...one, emittedEvent: null } : one))),
      ['each undo was requested by an event of a step of its own saga'],
    ],
    [
      'an undo that is reported twice',
      journal((rows) => [...rows, { ...(rows[4] as JournalRow), seq: 5 }]),
      ['what was undone had been applied, and is undone once'],
    ],
    [
      'an undo of what was never done',
      journal((rows) => rows.filter(({ act }) => act !== 'run')),
      ['what was undone had been applied, and is undone once'],
    ],
    [
      'a step that is left in the middle',
      { ...sound, fences: sound.fences.map((one) => ({ ...one, state: 'undo_pending' })) },
      ['no step is left in the middle without a reason for an operator'],
    ],
  ])('the judge in SQL finds %s', async (_what, dump, claims) => {
    expect(await found(dump)).toEqual(claims);
  });
});
