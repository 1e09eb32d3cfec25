import { endOf, type End, findOpen, findTorn, findUnstarted, type Run, runsOf } from './ends.ts';
import { type Effect, findWrongEffects } from '../effects.ts';
import { findJournalGaps, findTwoFacts, findWrongUndos } from './books.ts';
import type { Anomaly, SagaDump, Shape } from './facts.ts';
import { findOrphans, findUndoOrder } from './way-back.ts';

export interface Checked {
  readonly claim: string;
  /** Number of rows checked: a check over nothing proves nothing. */
  readonly looked: number;
  readonly anomalies: readonly Anomaly[];
}

export interface SagaVerdict {
  readonly runs: readonly Run[];
  readonly ends: ReadonlyMap<string, Readonly<Record<End, number>>>;
  readonly checks: readonly Checked[];
}

/** Checks every guarantee about sagas over the rows of all services. */
export function checkSagas(shapes: readonly Shape[], dump: SagaDump): SagaVerdict {
  const { events, fences, journal, effects } = dump;
  const runs = runsOf(shapes, events, fences);
  const compensations = journal.filter(({ op }) => op === 'compensate');
  const checks: readonly Checked[] = [
    {
      claim: 'every saga completed, was compensated, or is stuck with a reason',
      looked: runs.length,
      anomalies: [...findOpen(runs), ...findUnstarted(runs, fences)],
    },
    { claim: 'none is half done', looked: runs.length, anomalies: findTorn(runs) },
    {
      claim: 'undo in strict reverse order, each caused by the step behind it',
      looked: compensations.length,
      anomalies: findUndoOrder(runs, journal),
    },
    {
      claim: 'what was undone had been done, and is undone once',
      looked: fences.length,
      anomalies: findWrongUndos(runs, journal),
    },
    {
      claim: 'every decision points at its cause: no orphans',
      looked: journal.length,
      anomalies: findOrphans(journal, events),
    },
    {
      claim: 'the journal has every decision of every step',
      looked: fences.length,
      anomalies: findJournalGaps(runs, journal),
    },
    {
      claim: 'one effect for each event, and no step reported two outcomes',
      looked: effects.length,
      anomalies: [...wrongEffects(effects, events), ...findTwoFacts(runs, journal)],
    },
  ];
  return { runs, ends: countEnds(shapes, runs), checks };
}

function wrongEffects(effects: readonly Effect[], events: SagaDump['events']): readonly Anomaly[] {
  return findWrongEffects(events, effects).map(({ message }) => ({ kind: 'effect', witness: message }));
}

function countEnds(shapes: readonly Shape[], runs: readonly Run[]): SagaVerdict['ends'] {
  return new Map(
    shapes.map((shape) => {
      const own = runs.filter((run) => run.shape === shape).map(endOf);
      const of = (end: End): number => own.filter((one) => one === end).length;
      const counts = {
        completed: of('completed'),
        compensated: of('compensated'),
        stuck: of('stuck'),
        open: of('open'),
      };
      return [shape.name, counts];
    }),
  );
}
