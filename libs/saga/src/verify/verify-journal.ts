import { decideFence, FENCE_TRIGGERS } from '../fence/fence.ts';
import type { FenceView, JournalRow, SagaRecords } from '../operate/records-sql.ts';

/** Something that a journal should not say. */
export interface Flaw {
  readonly saga: string;
  readonly instance: string;
  readonly step: string;
  /** The row of the journal; none where the fence is what is wrong. */
  readonly seq?: number;
  readonly what: string;
}

/**
 * Pure: replays a saga's journal against its fences. A journal that the kit wrote, and nothing else changed, has no flaw: its
 * rows follow each other, each is what the fence's table decides and carries the seal of what it says, and the last one is the
 * fence's state. Seals have no key: a writer that computes them as well is not found.
 */
export function verifyJournal({ fences, journal }: Pick<SagaRecords, 'fences' | 'journal'>): readonly Flaw[] {
  const nameOf = ({ saga, instance, step }: FenceView | JournalRow): string => `${saga} ${instance} ${step}`;
  const rows = Map.groupBy(journal, nameOf);
  const known = new Map(fences.map((fence) => [nameOf(fence), fence]));
  return [
    ...[...rows].flatMap(([name, steps]) => replay(steps, known.get(name))),
    ...fences
      .filter((fence) => !rows.has(nameOf(fence)) && !fence.stripped)
      .map((fence) =>
        flaw(fence, undefined, `its fence is ${fence.state}, but no row of the journal says why`),
      ),
  ];
}

function replay(rows: readonly JournalRow[], fence: FenceView | undefined): readonly Flaw[] {
  const flaws: Flaw[] = [];
  const [first] = rows.toSorted((a, b) => a.seq - b.seq);
  let state: JournalRow['from'] = 'absent';
  let seq = 0;
  // What came before has left, or was never known here.
  if (first?.from === 'forgotten' || (fence?.stripped === true && first !== undefined)) {
    state = first.from;
    seq = first.seq - 1;
  }
  for (const row of rows.toSorted((a, b) => a.seq - b.seq)) {
    seq += 1;
    if (row.seq !== seq) flaws.push(flaw(row, row.seq, `row ${seq} is missing before it`));
    seq = row.seq;
    if (row.from !== state) flaws.push(flaw(row, row.seq, `it says ${row.from}, but the step was ${state}`));
    const known = FENCE_TRIGGERS.includes(row.trigger);
    const decided = known ? decideFence(row.from, row.trigger) : UNKNOWN;
    if (decided.state !== row.to || decided.act !== row.act)
      flaws.push(
        flaw(
          row,
          row.seq,
          `${row.trigger} on ${row.from} gives ${decided.state} and ${decided.act}, not ${row.to} and ${row.act}`,
        ),
      );
    if (!row.sealed)
      flaws.push(flaw(row, row.seq, 'its seal is not that of what it says, or of the row before it'));
    if (emitsEvent(row) && row.emittedEvent === null)
      flaws.push(flaw(row, row.seq, `${row.act} names no event`));
    state = row.to;
  }
  const last = rows.toSorted((a, b) => a.seq - b.seq).at(-1);
  if (fence === undefined && last !== undefined)
    flaws.push(flaw(last, undefined, 'it has a journal and no fence'));
  if (fence !== undefined && fence.state !== state)
    flaws.push(flaw(fence, undefined, `its fence is ${fence.state}, but its journal ends with ${state}`));
  else if (fence !== undefined && fence.seq !== seq)
    flaws.push(
      flaw(fence, undefined, `its fence counts ${fence.seq} rows, but its journal ends with ${seq}`),
    );
  if (fence !== undefined && !fence.stripped && (!fence.sealed || fence.journalSeal !== (last?.seal ?? null)))
    flaws.push(
      flaw(fence, undefined, 'its fence has another seal than what it says, or its journal ends with'),
    );
  return flaws;
}

const UNKNOWN = { state: 'no state', act: 'no act' } as const;

function emitsEvent({ act }: JournalRow): boolean {
  return act === 'emit_success' || act === 'emit_failure';
}

function flaw({ saga, instance, step }: FenceView | JournalRow, seq: number | undefined, what: string): Flaw {
  return { saga, instance, step, ...(seq === undefined ? {} : { seq }), what };
}
