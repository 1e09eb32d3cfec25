/** Whose journal it is: that of a step of a saga, or of a workflow. */
export interface JournalName {
  readonly kind: 'saga' | 'workflow';
  /** The declaration's. */
  readonly name: string;
  /** The instance of a saga, the id of a workflow. */
  readonly id: string;
  readonly step?: string;
}

/**
 * row_missing      rows before it are missing, or it is there twice
 * row_impossible   it cannot follow the rows before it
 * end_missing      the record counts other rows than the journal
 * record_differs   the record says something else than its journal
 * cause_missing    no step emitted the event that it names as its cause
 */
export type FindingCode =
  'row_missing' | 'row_impossible' | 'end_missing' | 'record_differs' | 'cause_missing';

/** Something that is wrong with a journal. */
export interface Finding extends JournalName {
  readonly code: FindingCode;
  /** The row of the journal; none where the record is what is wrong. */
  readonly seq?: number;
  readonly what: string;
}

/** What the check of some journals found. */
export interface CheckedJournals {
  readonly journals: number;
  readonly rows: number;
  readonly findings: readonly Finding[];
}

export interface NumberedRow {
  /** From 1, without a hole. */
  readonly seq: number;
}

/** What a record says, or a journal comes to. */
type Summary = Readonly<Record<string, string | number | null>>;

/** A journal, the record that says what it comes to, and how its rows follow each other. */
export interface Journal<Row extends NumberedRow, State> {
  readonly of: JournalName;
  /** In any order. */
  readonly rows: readonly Row[];
  /** What is before the first row. */
  readonly start: NumberedRow & { readonly state: State };
  /** Pure: the state after a row, and all reasons why it cannot follow. */
  follow(state: State, row: Row): { readonly state: State; readonly wrong: readonly string[] };
  /** Undefined: there is none. */
  readonly record: { readonly rows: number; readonly says: Summary } | undefined;
  summary(state: State): Summary;
}

/**
 * Pure: replays a journal and compares what it comes to with its record. One that the kit wrote, and nothing else changed, has no
 * finding. The check continues from what it reads, so that one change is named once.
 */
export function checkJournal<Row extends NumberedRow, State>(
  journal: Journal<Row, State>,
): { readonly findings: readonly Finding[]; readonly state: State } {
  const { of, record } = journal;
  const findings: Finding[] = [];
  const found = (code: FindingCode, what: string, at: { readonly seq?: number } = {}): void =>
    void findings.push({ ...of, code, ...(at.seq === undefined ? {} : { seq: at.seq }), what });
  let { state, seq } = journal.start;
  for (const row of journal.rows.toSorted((a, b) => a.seq - b.seq)) {
    if (row.seq !== seq + 1)
      found('row_missing', row.seq > seq ? `row ${seq + 1} is missing before it` : 'it is there twice', row);
    const next = journal.follow(state, row);
    for (const why of next.wrong) found('row_impossible', `it cannot stand here: ${why}`, row);
    ({ state } = next);
    ({ seq } = row);
  }
  if (record === undefined) {
    if (journal.rows.length > 0) found('record_differs', 'it has a journal, and no record');
  } else if (record.rows !== seq) {
    found('end_missing', `its record counts ${record.rows} rows, and its journal ends with row ${seq}`);
  } else {
    const comesTo = journal.summary(state);
    for (const [name, said] of Object.entries(record.says))
      if (said !== comesTo[name])
        found(
          'record_differs',
          `its record says ${name} ${String(said)}, and its journal ${String(comesTo[name])}`,
        );
  }
  return { findings, state };
}
