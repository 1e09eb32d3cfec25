import { type CheckedJournals, checkJournal, type Finding } from '../calls/journal/check-journal.ts';
import { runPages } from '../calls/journal/runs-sql.ts';
import type { Executor } from '@convergekit/postgres';
import { decideFence, FENCE_TRIGGERS, type FenceFrom } from '../fence/fence.ts';
import {
  type FenceView,
  type JournalRow,
  readSagaRecords,
  type SagaRecords,
} from '../operate/records-sql.ts';

/** Replays the journals of all sagas of a database, or of one instance, against their fences. */
export async function* verifySagas(executor: Executor, instance?: string): AsyncGenerator<CheckedJournals> {
  for await (const runs of runPages(executor, 'saga_fence', instance)) {
    const records = await readSagaRecords(executor, { runs });
    const journals = stepsOf(records).length;
    yield { journals, rows: records.journal.length, findings: verifyJournal(records) };
  }
}

type Read = Pick<SagaRecords, 'fences' | 'journal'>;

/** Replays journals of steps against their fences (pure): each row is a decision of the table. */
export function verifyJournal(records: Read): readonly Finding[] {
  return stepsOf(records).flatMap(verifyStep);
}

interface StepJournal {
  readonly fence?: FenceView;
  readonly rows: readonly JournalRow[];
}

function stepsOf({ fences, journal }: Read): readonly StepJournal[] {
  const nameOf = ({ saga, instance, step }: FenceView | JournalRow): string => `${saga} ${instance} ${step}`;
  const steps = new Map<string, StepJournal>(fences.map((fence) => [nameOf(fence), { fence, rows: [] }]));
  for (const [name, rows] of Map.groupBy(journal, nameOf)) steps.set(name, { ...steps.get(name), rows });
  return [...steps.values()];
}

function verifyStep({ fence, rows }: StepJournal): readonly Finding[] {
  const first = rows.toSorted((a, b) => a.seq - b.seq)[0];
  const named = fence ?? first;
  if (named === undefined || (first === undefined && fence?.stripped === true)) return [];
  const of = { kind: 'saga', name: named.saga, id: named.instance, step: named.step } as const;
  // What came before has left, or was never known here.
  const isLater = first !== undefined && (first.from === 'forgotten' || fence?.stripped === true);
  return checkJournal<JournalRow, FenceFrom>({
    of,
    rows,
    start: isLater ? { state: first.from, seq: first.seq - 1 } : { state: 'absent', seq: 0 },
    follow: (state, row) => ({ state: row.to, wrong: wrongOf(state, row) }),
    record: fence && { rows: fence.seq, says: { state: fence.state } },
    summary: (state) => ({ state }),
  }).findings;
}

function wrongOf(state: FenceFrom, { from, to, trigger, act, emittedEvent }: JournalRow): readonly string[] {
  const decided = FENCE_TRIGGERS.includes(trigger)
    ? decideFence(from, trigger)
    : { state: 'no state', act: 'no act' };
  const emits = act === 'emit_success' || act === 'emit_failure';
  return [
    ...(from === state ? [] : [`it says ${from}, but the step was ${state}`]),
    ...(decided.state === to && decided.act === act
      ? []
      : [`${trigger} on ${from} gives ${decided.state} and ${decided.act}, not ${to} and ${act}`]),
    ...(emits && emittedEvent === null ? [`${act} names no event`] : []),
  ];
}
