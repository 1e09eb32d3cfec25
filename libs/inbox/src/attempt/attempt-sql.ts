import type { Executor } from '@convergekit/postgres';
import type { AttemptRow } from './attempt-rows.ts';

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
