import type { Executor } from '@convergekit/postgres';
import { inputSql, pausedWorkSql } from '../work/row-sql.ts';
import type { Cause, ClaimedWork, OpenState, OperatorAct, WorkAttempt } from '../work/work.ts';

/** The bounds of waiting work, in milliseconds. */
export interface Bounds {
  /** The bound since the work could have been done, when an attempt has failed. */
  readonly failingMs: number;
  /** The bound since the work could have been done, when no attempt was made. */
  readonly idleMs: number;
}

/** The most overdue rows that one statement finds. */
export const PAGE = 100;

// The search uses saga_work_waiting, which has only open rows that no operator was alerted to. An operator knows of a pause.
const findSql = `
  select id from converge.saga_work work
   where waits_since < clock_timestamp() - least($2::float8, $3::float8) * interval '1 millisecond'
     and waits_since < clock_timestamp() - case story when '[]' then $3::float8 else $2::float8 end * interval '1 millisecond'
     and late_since is null and state in ('ready', 'calling', 'unknown', 'answered') and call = any ($1::text[])
     and not ${pausedWorkSql('work')}
   order by waits_since limit ${PAGE}`;

/** Finds overdue work of these calls that no operator was alerted to. */
export async function findOverdue(
  executor: Executor,
  calls: readonly string[],
  { failingMs, idleMs }: Bounds,
): Promise<readonly string[]> {
  const { rows } = await executor.query<{ id: string }>(findSql, [calls, failingMs, idleMs]);
  return rows.map(({ id }) => id);
}

/** Work that was marked. */
export interface OverdueWork extends Pick<
  ClaimedWork,
  'id' | 'consumer' | 'handler' | 'call' | 'op' | 'key' | 'input' | 'cause'
> {
  readonly state: OpenState;
  readonly story: readonly (WorkAttempt | OperatorAct)[];
}

type Row = Omit<OverdueWork, 'cause' | 'story'> & Readonly<Record<'cause' | 'story', string>>;

// Marks a row by the primary key. The statement waits for a transaction that records the row's outcome, and marks
// nothing when that ended the row. The claim of a worker stays as it is.
const markSql = `
  update converge.saga_work work set late_since = clock_timestamp()
   where id = $1 and late_since is null and state in ('ready', 'calling', 'unknown', 'answered')
  returning id, consumer, handler, call, key, ${inputSql('work')} as input, cause, op, state, story`;

/** Marks work as overdue. Undefined: it ended meanwhile, or another worker marked it. */
export async function markOverdue(tx: Executor, id: string): Promise<OverdueWork | undefined> {
  const [row] = (await tx.query<Row>(markSql, [id])).rows;
  if (row === undefined) return undefined;
  const { cause, story } = row;
  return { ...row, cause: JSON.parse(cause) as Cause, story: JSON.parse(story) as OverdueWork['story'] };
}
