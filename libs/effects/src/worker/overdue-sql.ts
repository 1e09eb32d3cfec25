import type { Executor } from '@convergekit/postgres';
import type { WorkOp } from '../work/insert-sql.ts';
import type { Cause, ClaimedWork, OpenState, OperatorAct, WorkAttempt } from '../work/work.ts';

/** How long work may wait, in milliseconds. */
export interface Bounds {
  /** Since it could have been done, when an attempt at it has failed. */
  readonly failingMs: number;
  /** The same, when none was made. */
  readonly idleMs: number;
}

/** The most overdue rows that one statement finds. */
export const PAGE = 100;

// By saga_work_waiting, which has only open rows of which no operator knows.
const findSql = `
  select id from converge.saga_work
   where waits_since < clock_timestamp() - least($2::float8, $3::float8) * interval '1 millisecond'
     and waits_since < clock_timestamp() - case story when '[]' then $3::float8 else $2::float8 end * interval '1 millisecond'
     and late_since is null and state in ('ready', 'calling', 'unknown', 'answered') and effect = any ($1::text[])
   order by waits_since limit ${PAGE}`;

/** Work of these effects that has waited for longer than its bound, and of which no operator knows. */
export async function findOverdue(
  executor: Executor,
  effects: readonly string[],
  { failingMs, idleMs }: Bounds,
): Promise<readonly string[]> {
  const { rows } = await executor.query<{ id: string }>(findSql, [effects, failingMs, idleMs]);
  return rows.map(({ id }) => id);
}

/** Work that was marked. */
export interface OverdueWork extends Pick<
  ClaimedWork,
  'id' | 'consumer' | 'handler' | 'effect' | 'key' | 'input' | 'cause'
> {
  readonly op: WorkOp | undefined;
  readonly state: OpenState;
  readonly story: readonly (WorkAttempt | OperatorAct)[];
}

type Row = Omit<OverdueWork, 'op' | 'cause' | 'story'> & {
  readonly op: WorkOp | null;
  readonly cause: string;
  readonly story: string;
};

// By the primary key; waits for a worker that records its outcome, and marks nothing when that ended it. The claim of a worker
// stays as it is.
const markSql = `
  update converge.saga_work set late_since = clock_timestamp()
   where id = $1 and late_since is null and state in ('ready', 'calling', 'unknown', 'answered')
  returning id, consumer, handler, effect, key, input, cause, op, state, story`;

/** Marks work as overdue. Undefined: it ended meanwhile, or another worker marked it. */
export async function markOverdue(tx: Executor, id: string): Promise<OverdueWork | undefined> {
  const [row] = (await tx.query<Row>(markSql, [id])).rows;
  if (row === undefined) return undefined;
  const { op, cause, story, ...rest } = row;
  return {
    ...rest,
    op: op ?? undefined,
    cause: JSON.parse(cause) as Cause,
    story: JSON.parse(story) as readonly (WorkAttempt | OperatorAct)[],
  };
}
