import type { Executor } from '@converge/postgres';
import { SagaError } from '../errors.ts';
import type { Outcome, StuckReason, WorkState } from '../work/work.ts';

/** An intent as an operator sees it. Times are the database's. */
export interface WorkView {
  readonly id: string;
  readonly consumer: string;
  readonly handler: string;
  readonly effect: string;
  readonly key: string;
  readonly idempotencyKey: string;
  readonly state: WorkState;
  readonly stuckReason: StuckReason | null;
  readonly attempts: number;
  readonly queries: number;
  readonly holder: string | null;
  readonly dueAt: Date;
  readonly createdAt: Date;
  readonly endedAt: Date | null;
  readonly eventId: string;
}

/** With what is not shown in a list: the input, the outcome, and everything that was tried. */
export interface WorkDetail extends WorkView {
  readonly input: unknown;
  readonly outcome: unknown;
  readonly story: readonly unknown[];
}

const columns = `id, consumer, handler, effect, key, idempotency_key as "idempotencyKey", state,
  stuck_reason as "stuckReason", attempts, queries, holder, due_at as "dueAt", created_at as "createdAt",
  ended_at as "endedAt", cause::json ->> 'eventId' as "eventId"`;

export interface WorkFilter {
  readonly states: readonly WorkState[];
  readonly effect?: string | undefined;
  readonly limit: number;
}

/** The oldest first. A scan: for people. */
export async function listWork(executor: Executor, filter: WorkFilter): Promise<readonly WorkView[]> {
  const { rows } = await executor.query<WorkView>(
    `select ${columns} from converge.saga_work
      where state = any ($1::text[]) and ($2::text is null or effect = $2) order by created_at limit $3`,
    [filter.states, filter.effect ?? null, filter.limit],
  );
  return rows;
}

export async function readWork(executor: Executor, id: string): Promise<WorkDetail> {
  const { rows } = await executor.query<WorkView & { input: string; outcome: string | null; story: string }>(
    `select ${columns}, input, outcome, story from converge.saga_work where id::text = $1`,
    [id],
  );
  const row = rows[0];
  if (row === undefined) throw notFound(id);
  const { input, outcome, story } = row;
  return {
    ...row,
    input: JSON.parse(input) as unknown,
    outcome: outcome === null ? null : (JSON.parse(outcome) as unknown),
    story: JSON.parse(story) as unknown[],
  };
}

// A higher term fences whoever may still think that the row is theirs. The story says who acted, and why.
const actSql = (what: string, allowed: string): string => `
  update converge.saga_work set ${what}, stuck_reason = null, due_at = clock_timestamp(), term = term + 1,
    story = (story::jsonb || jsonb_build_array(jsonb_build_object(
      'at', clock_timestamp(), 'op', 'operator', 'by', $2::text, 'note', $3::text)))::text
  where id::text = $1 and holder is null and ${allowed}`;

/**
 * Has it tried now. What waits keeps its state; what is stuck is called again, whatever became of the call before: that
 * is the operator's word. Throws WORK_NOT_RESOLVABLE when it is in a worker's hands, or has ended.
 */
export async function retryWork(executor: Executor, id: string, by: string, note: string): Promise<void> {
  const text = actSql(
    `state = case state when 'stuck' then 'ready' else state end`,
    `state in ('ready', 'unknown', 'answered', 'stuck')`,
  );
  const { rowCount } = await executor.query(text, [id, by, note]);
  if (rowCount === 0) throw await refused(executor, id);
}

/** Says what became of it, from the other side's own records; the worker settles that like any other outcome. */
export async function resolveWork(
  executor: Executor,
  id: string,
  outcome: Outcome,
  by: string,
  note: string,
): Promise<void> {
  // An undo is tried until it has happened: that it failed is no outcome of it.
  const text = actSql(
    `state = 'answered', outcome = $4`,
    `state in ('ready', 'unknown', 'answered', 'stuck') and (op is distinct from 'compensate' or $4::json ->> 'kind' = 'succeeded')`,
  );
  const { rowCount } = await executor.query(text, [id, by, note, JSON.stringify(outcome)]);
  if (rowCount === 0) throw await refused(executor, id, outcome);
}

async function refused(executor: Executor, id: string, outcome?: Outcome): Promise<SagaError> {
  const { state, holder, endedAt } = await readWork(executor, id);
  const why =
    holder !== null
      ? `worker ${holder} is at it right now`
      : endedAt === null && outcome?.kind === 'failed'
        ? 'an undo is tried until it works, so it cannot be said to have failed; say what it told when it was done by hand'
        : `it is ${state}, which nothing changes any more`;
  return new SagaError('WORK_NOT_RESOLVABLE', `${id} was left as it is: ${why}`, { category: 'data' });
}

function notFound(id: string): SagaError {
  return new SagaError(
    'WORK_NOT_FOUND',
    `this database has no intent ${id}: \`converge effects list\` shows what there is`,
    { category: 'data' },
  );
}
