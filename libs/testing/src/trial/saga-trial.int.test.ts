import type { Database } from '@convergekit/postgres';
import { describe, expect, inject, it } from 'vitest';
import {
  asked,
  type Bug,
  errand,
  errandServices,
  NOTE_TABLES,
  type NoteDb,
  SHELF_TABLES,
  type ShelfDb,
  withdrawn,
} from '../fixture/errand.ts';
import { serviceDatabase } from '../service-database.ts';
import { stubCall } from '../stub-call.ts';
import { sagaTrial, SagaTrialError, type SagaTrialResult } from './saga-trial.ts';
import type { RunEnd } from './types.ts';

const RUNS = inject('full') ? 60 : 24;

/** Runs the trial in databases of its own. */
async function trialOf(bug: Bug, runs: number, seed = 1): Promise<SagaTrialResult> {
  const { databaseUrl } = inject('stack');
  const here = await serviceDatabase<ShelfDb>(databaseUrl, SHELF_TABLES);
  const there = await serviceDatabase<NoteDb>(databaseUrl, NOTE_TABLES);
  try {
    return await trialIn(here, there, bug, { runs, seed });
  } finally {
    await here.close();
    await there.close();
  }
}

function trialIn(
  here: Database<ShelfDb>,
  there: Database<NoteDb>,
  bug: Bug,
  range: { readonly runs: number; readonly seed: number },
): Promise<SagaTrialResult> {
  const bank = stubCall<{ id: string }, null>({ answer: () => null });
  const services = errandServices(bank, bug);
  const count = async ({ key: id, ended }: Pick<RunEnd, 'key' | 'ended'>): Promise<readonly string[]> => {
    const wanted = ended === 'completed' ? 1 : 0;
    const found = {
      held: (await here.db.selectFrom('held').selectAll().where('id', '=', id).execute()).length,
      gone: (await here.db.selectFrom('gone').selectAll().where('id', '=', id).execute()).length,
      note: (await there.db.selectFrom('note').selectAll().where('id', '=', id).execute()).length,
      paid: bank.ledger().filter((entry) => entry.input.id === id && !entry.undone).length,
    };
    return Object.entries(found).flatMap(([what, times]) =>
      times === wanted ? [] : [`${ended}, and ${what} ${times} times`],
    );
  };
  return sagaTrial(
    errand,
    [
      { database: here, consumers: services.here },
      { database: there, consumers: services.there },
    ],
    { ...range, start: (id) => asked({ id }), cancel: (id) => withdrawn({ id }), check: count },
  );
}

describe("the trial of a user's saga", () => {
  it('N5: a saga over two databases ends completed or compensated with exact effects in every run', async () => {
    const { runs, completed, compensated, overlaps, waits } = await trialOf('none', RUNS);
    expect(completed + compensated).toBe(runs);
    // A trial in which nothing happens proves nothing.
    expect(Math.min(completed, compensated, overlaps, waits)).toBeGreaterThan(RUNS / 12);
  });

  it.each([
    ['forgets_undo', /compensated, and held 1 times/],
    ['calls_inside', /and paid \d times/],
  ] as const)(
    'S63: a saga that %s is found, with the seed and the shortest history, and fails alone in the same way',
    async (bug, what) => {
      const failed: unknown = await trialOf(bug, inject('full') ? 20 : 8).catch((error: unknown) => error);
      expect(failed).toBeInstanceOf(SagaTrialError);
      const { findings, message } = failed as SagaTrialError;
      expect(message).toMatch(what);
      const shortest = findings.toSorted((a, b) => a.trace.length - b.trace.length)[0]!;
      expect(message).toContain(`The shortest has seed ${shortest.seed}:`);
      for (const line of shortest.trace) expect(message).toContain(line);
      expect(message).toMatch(/Run it alone, in empty databases: \{ seed: \d+, runs: 1 \}$/);
      const [first] = findings;
      const alone: unknown = await trialOf(bug, 1, first!.seed).catch((error: unknown) => error);
      expect((alone as SagaTrialError).findings[0]).toEqual(first);
    },
  );
});
