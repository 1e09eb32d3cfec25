import type { Executor } from '@convergekit/postgres';
import type { AttemptOutcome, AttemptPhase } from './attempt.ts';

/** A row of `converge.inbox_attempt`. */
export interface AttemptRow {
  readonly id: string;
  readonly consumer: string;
  readonly handler: string;
  readonly phase: AttemptPhase;
  readonly event_id: string | null;
  readonly topic: string;
  readonly partition: number;
  readonly record_offset: string;
  readonly key: string;
  readonly run: number;
  readonly number: number;
  readonly started_at: string;
  readonly duration_ms: number;
  readonly outcome: AttemptOutcome;
  readonly category: string | null;
  readonly certainty: string | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly wait_rule: string | null;
  readonly wait_ms: number | null;
  readonly wait_hint_ms: number | null;
  readonly wait_cap_ms: number | null;
  readonly traceparent: string | null;
  readonly caused_by: string | null;
  readonly parked_at: string | null;
}

const columns = `id, consumer, handler, phase, event_id, topic, partition, record_offset, key, run, number, started_at,
    duration_ms, outcome, category, certainty, code, message, wait_rule, wait_ms, wait_hint_ms, wait_cap_ms,
    traceparent, caused_by, parked_at`;

// Inserts all attempts of a slice in one statement; ids make a repeated transaction harmless. Columns by name, so that
// a column of a newer version gets its default.
const insertSql = `
  insert into converge.inbox_attempt (${columns})
  select ${columns} from json_populate_recordset(null::converge.inbox_attempt, $1::json)
  on conflict (id) do nothing`;

export async function insertAttempts(executor: Executor, rows: readonly AttemptRow[]): Promise<void> {
  if (rows.length > 0) await executor.query(insertSql, [JSON.stringify(rows)]);
}
