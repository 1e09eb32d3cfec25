import { nameOf, type Run } from './ends.ts';
import type { Anomaly, JournalRow } from './facts.ts';

/** Finds steps whose journal has holes, breaks its chain, or ends at another state than the fence. */
export function findJournalGaps(runs: readonly Run[], journal: readonly JournalRow[]): readonly Anomaly[] {
  const byStep = Map.groupBy(journal, ({ saga, instance, step }) => `${saga} ${instance} ${step}`);
  return runs.flatMap((run) =>
    [...run.steps.values()].flatMap((fence): Anomaly[] => {
      const rows = (byStep.get(`${nameOf(run)} ${fence.step}`) ?? []).toSorted((a, b) => a.seq - b.seq);
      const wrong = (why: string): Anomaly[] => [
        { kind: 'journal', witness: `step ${fence.step} of ${nameOf(run)} ${why}` },
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
export function findTwoFacts(runs: readonly Run[], journal: readonly JournalRow[]): readonly Anomaly[] {
  const outcomes = Map.groupBy(
    journal.filter(({ act }) => act === 'emit_success' || act === 'emit_failure'),
    ({ saga, instance, step }) => `${saga} ${instance} ${step}`,
  );
  return runs.flatMap((run) =>
    run.shape.steps.flatMap(({ name }): Anomaly[] => {
      const acts = (outcomes.get(`${nameOf(run)} ${name}`) ?? []).map(({ act }) => act);
      // An unknown outcome is reported as a failure of unknown certainty first, then as it was.
      return acts.filter((act) => act === 'emit_success').length > 1 ||
        (acts.at(-1) === 'emit_failure' && acts.includes('emit_success'))
        ? [{ kind: 'two_facts', witness: `step ${name} of ${nameOf(run)} reported ${acts.join(', ')}` }]
        : [];
    }),
  );
}

/** Finds steps that were undone more than once, or without having been done. */
export function findWrongUndos(runs: readonly Run[], journal: readonly JournalRow[]): readonly Anomaly[] {
  const byStep = Map.groupBy(journal, ({ saga, instance, step }) => `${saga} ${instance} ${step}`);
  return runs.flatMap((run) =>
    [...run.steps.values()].flatMap(({ step, state }): Anomaly[] => {
      const rows = byStep.get(`${nameOf(run)} ${step}`) ?? [];
      const undone = rows.filter(({ act, to }) => act === 'emit_undone' && to === 'undone').length;
      const isWrong = undone > 1 || (state === 'undone' && !rows.some(({ act }) => act === 'run'));
      const times = undone > 1 ? `was undone ${undone} times` : 'was undone, and never done';
      return isWrong ? [{ kind: 'effect', witness: `step ${step} of ${nameOf(run)} ${times}` }] : [];
    }),
  );
}
