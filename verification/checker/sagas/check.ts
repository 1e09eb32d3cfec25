import { endOf, type End, findOpen, findTorn, findUnstarted, nameOf, type Run, runsOf } from './ends.ts';
import { type Check, checkOf, type Finding } from '../check.ts';
import { findWrongEffects } from '../effects.ts';
import type { EventRow, JournalRow, SagaDump, Shape } from './facts.ts';

/** Checks every guarantee about the sagas of a shape over the rows of all services. */
export function checkSagas(shape: Shape, { events, fences, journal, effects }: SagaDump) {
  const runs = runsOf(shape, events, fences);
  const compensations = journal.filter(({ op }) => op === 'compensate');
  const check = (claim: string, looked: number, findings: readonly Finding[]): Check =>
    checkOf(`${shape.name}: ${claim}`, looked, findings, 'at_rest');
  const wrongEffects = findWrongEffects(events, effects).map((one) => ({ ...one, kind: 'effect' }));
  const ends: Record<End, number> = { completed: 0, compensated: 0, stuck: 0, open: 0 };
  for (const run of runs) ends[endOf(run)] += 1;
  const ended = 'every saga completed, was compensated, or is stuck with a reason';
  const reverse = 'undo in strict reverse order, each caused by the step behind it';
  const once = 'what was undone had been done, and is undone once';
  const whole = 'the journal has every decision of every step';
  const facts = 'one effect for each event, and no step reported two outcomes';
  return {
    runs,
    ends,
    checks: [
      check(ended, runs.length, [...findOpen(runs), ...findUnstarted(runs, fences)]),
      check('none is half done', runs.length, findTorn(runs)),
      check(reverse, compensations.length, findUndoOrder(runs, journal)),
      check(once, fences.length, findWrongUndos(runs, journal)),
      check('every decision points at its cause: no orphans', journal.length, findOrphans(journal, events)),
      check(whole, fences.length, findJournalGaps(runs, journal)),
      check(facts, effects.length, [...wrongEffects, ...findTwoFacts(runs, journal)]),
    ],
  };
}

/** Acts that report that a step has no effect (any more). */
const WAY_BACK = new Set(['emit_failure', 'emit_undone']);

/**
 * Finds undos out of strict reverse order. The cause of a step's undo must be the failure or undo event of the step behind
 * it (or the step's own dead letter), and must come first. A step that never began is closed by the failure of a step before
 * it: that is no undo.
 */
function findUndoOrder(runs: readonly Run[], journal: readonly JournalRow[]): readonly Finding[] {
  const byRun = Map.groupBy(journal, ({ saga, instance }) => `${saga} ${instance}`);
  return runs.flatMap((run): Finding[] => {
    const rows = byRun.get(nameOf(run)) ?? [];
    const place = new Map(run.shape.steps.map(({ name }, index) => [name, index]));
    const emitted = new Map(
      rows.flatMap((row) =>
        row.emittedEvent !== null && WAY_BACK.has(row.act) ? [[row.emittedEvent, row] as const] : [],
      ),
    );
    return rows
      .filter(({ op }) => op === 'compensate')
      .flatMap((row): Finding[] => {
        const cause = emitted.get(row.causeEvent);
        const own = place.get(row.step) ?? -1;
        const wrong = (why: string): Finding => ({
          kind: 'undo_order',
          message: `${nameOf(run)}: decision ${row.seq} of step ${row.step} (${row.act}) ${why}`,
        });
        if (cause === undefined)
          return [wrong(`was not asked for by a failure or an undo of its saga, but by ${row.causeEvent}`)];
        const from = place.get(cause.step) ?? -1;
        if (row.act === 'closed')
          return from < own ? [] : [wrong(`was closed by step ${cause.step}, which is not before it`)];
        if (from !== own + 1 && cause.step !== row.step)
          return [wrong(`was asked for by step ${cause.step}, which is not the one behind it`)];
        return cause.atMs <= row.atMs
          ? []
          : [wrong(`came ${row.atMs - cause.atMs} ms before what asked for it`)];
      });
  });
}

/** Finds the decisions of a step of a run. */
function decisionsOf(journal: readonly JournalRow[]): (run: Run, step: string) => readonly JournalRow[] {
  const byStep = Map.groupBy(journal, ({ saga, instance, step }) => `${saga} ${instance} ${step}`);
  return (run, step) => byStep.get(`${nameOf(run)} ${step}`) ?? [];
}

/** Finds decisions whose cause was never written. */
function findOrphans(journal: readonly JournalRow[], events: readonly EventRow[]): readonly Finding[] {
  const written = new Set(events.map(({ eventId }) => eventId));
  return journal
    .filter(({ causeEvent }) => !written.has(causeEvent))
    .map(({ saga, instance, step, seq, op, causeEvent }) => ({
      kind: 'orphan',
      message: `decision ${seq} (${op}) of step ${step} of ${saga} ${instance} was caused by ${causeEvent}, which was never written`,
    }));
}

/** Finds steps whose journal has holes, breaks its chain, or ends at another state than the fence. */
function findJournalGaps(runs: readonly Run[], journal: readonly JournalRow[]): readonly Finding[] {
  const decisions = decisionsOf(journal);
  return runs.flatMap((run) =>
    [...run.steps.values()].flatMap((fence): Finding[] => {
      const rows = decisions(run, fence.step).toSorted((a, b) => a.seq - b.seq);
      const wrong = (why: string): Finding[] => [
        { kind: 'journal', message: `step ${fence.step} of ${nameOf(run)} ${why}` },
      ];
      const last = rows.at(-1);
      if (last === undefined) return wrong(`is ${fence.state}, and nothing is in the journal`);
      const hole = rows.findIndex(({ seq }, index) => seq !== index + 1);
      if (hole >= 0) return wrong(`has no decision ${hole + 1} in the journal`);
      const jump = rows.find(({ from }, index) => from !== (rows[index - 1]?.to ?? 'absent'));
      if (jump !== undefined) return wrong(`was not ${jump.from} when decision ${jump.seq} was made`);
      return last.to === fence.state ? [] : wrong(`is ${fence.state}, and ${last.to} in the journal`);
    }),
  );
}

/** Finds steps that reported both success and failure. */
function findTwoFacts(runs: readonly Run[], journal: readonly JournalRow[]): readonly Finding[] {
  const outcomes = decisionsOf(journal.filter(({ act }) => act === 'emit_success' || act === 'emit_failure'));
  return runs.flatMap((run) =>
    run.shape.steps.flatMap(({ name }): Finding[] => {
      const acts = outcomes(run, name).map(({ act }) => act);
      // An unknown outcome is reported as a failure of unknown certainty first, then as it was.
      return acts.filter((act) => act === 'emit_success').length > 1 ||
        (acts.at(-1) === 'emit_failure' && acts.includes('emit_success'))
        ? [{ kind: 'two_facts', message: `step ${name} of ${nameOf(run)} reported ${acts.join(', ')}` }]
        : [];
    }),
  );
}

/** Finds steps that were undone more than once, or without having been done. */
function findWrongUndos(runs: readonly Run[], journal: readonly JournalRow[]): readonly Finding[] {
  const decisions = decisionsOf(journal);
  return runs.flatMap((run) =>
    [...run.steps.values()].flatMap(({ step, state }): Finding[] => {
      const rows = decisions(run, step);
      const undone = rows.filter(({ act, to }) => act === 'emit_undone' && to === 'undone').length;
      const isWrong = undone > 1 || (state === 'undone' && !rows.some(({ act }) => act === 'run'));
      const times = undone > 1 ? `was undone ${undone} times` : 'was undone, and never done';
      return isWrong ? [{ kind: 'effect', message: `step ${step} of ${nameOf(run)} ${times}` }] : [];
    }),
  );
}
