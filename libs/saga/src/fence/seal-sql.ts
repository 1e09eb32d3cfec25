import { sealSql } from '@convergekit/effects/engine';

/** The journal columns that a row's seal covers: all except `id`, which only orders reading. */
const STEP = [
  ...[
    'saga',
    'instance',
    'step',
    'seq',
    'version',
    'op',
    'trigger',
    'state_from',
    'state_to',
    'act',
    'outcome',
    'plan',
  ],
  ...['cause_event', 'cause_attempt', 'emitted_event', 'actor', 'note', 'at'],
] as const;

/** Columns of a fence that its seal covers, beside the seal of its journal. */
const FENCE = [
  ...['saga', 'instance', 'step', 'version', 'consumer', 'key', 'state', 'seq', 'intent', 'result', 'undo'],
  ...[
    'reason_code',
    'reason',
    'cause_event',
    'cause_attempt',
    'stuck_since',
    'created_at',
    'changed_at',
    'journal_seal',
  ],
] as const;

/** The text of a column is the same in every session: times are seconds, to the microsecond. */
function part(row: string, column: string): string {
  const isTime = column === 'at' || column.endsWith('_at') || column === 'stuck_since';
  return isTime ? `extract(epoch from ${row}.${column})::text` : `${row}.${column}::text`;
}

/** The seal of a row of the journal, as SQL. `before`: the seal of the row before it. */
export function stepSealSql(row: string, before: string): string {
  return sealSql([before, ...STEP.map((column) => part(row, column))]);
}

/** The seal of a fence, as SQL. */
export function fenceSealSql(row: string): string {
  return sealSql(FENCE.map((column) => part(row, column)));
}

export const FENCE_COLUMNS = FENCE.join(', ');

/** Lists the columns of a row, which is given by name. */
export function columnsOf(row: string, columns: string): string {
  return columns
    .split(',')
    .map((column) => `${row}.${column.trim()}`)
    .join(', ');
}
