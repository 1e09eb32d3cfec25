import { isUuid } from '@convergekit/core/engine';
import type { Executor } from '@convergekit/postgres';
import type { Operator } from '@convergekit/postgres/operate';
import { SagaError } from '../../errors.ts';
import { awaitedQuotaSql } from '../quota/quota-sql.ts';
import { inputSql } from '../work/row-sql.ts';
import {
  EFFECT_STAYS,
  type OperatorAct,
  type Outcome,
  type StuckReason,
  type WorkState,
} from '../work/work.ts';

/** An intent, as shown to operators. Times are the database's. */
interface WorkView {
  readonly id: string;
  readonly consumer: string;
  readonly handler: string;
  readonly call: string;
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
  /** The time since which the intent has waited longer than its bound, although it is retried. */
  readonly lateSince: Date | null;
  readonly eventId: string;
  /** The instance of the saga, for a step's work. */
  readonly instance: string | null;
  readonly step: string | null;
  /** The quota without a call left, for which the intent waits. */
  readonly awaitsQuota: string | null;
}

/** An intent with the fields that a list does not show: input, outcome, and attempts. */
export interface WorkDetail extends WorkView {
  readonly input: unknown;
  readonly outcome: unknown;
  readonly story: readonly unknown[];
}

const columns = `id, consumer, handler, call, key, idempotency_key as "idempotencyKey", state,
  stuck_reason as "stuckReason", attempts, queries, holder, due_at as "dueAt", created_at as "createdAt",
  ended_at as "endedAt", late_since as "lateSince", cause::json ->> 'eventId' as "eventId", instance, step,
  ${awaitedQuotaSql('saga_work')} as "awaitsQuota"`;

interface WorkFilter {
  readonly states: readonly WorkState[];
  readonly call?: string | undefined;
  readonly limit: number;
}

/** Lists intents, oldest first. The list is a scan, for operators. */
export async function listWork(executor: Executor, filter: WorkFilter): Promise<readonly WorkView[]> {
  const { rows } = await executor.query<WorkView>(
    `select ${columns} from converge.saga_work
      where state = any ($1::text[]) and ($2::text is null or call = $2) order by created_at limit $3`,
    [filter.states, filter.call ?? null, filter.limit],
  );
  return rows;
}

/** Reads an intent by the primary key. Throws WORK_NOT_FOUND. */
export async function readWork(executor: Executor, id: string): Promise<WorkDetail> {
  if (!isUuid(id)) throw notFound(id);
  const { rows } = await executor.query<WorkView & { input: string; outcome: string | null; story: string }>(
    `select ${columns}, ${inputSql('saga_work')} as input, outcome, story from converge.saga_work where id = $1`,
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

// A higher term fences a worker that still believes it holds the row: its lease, which ends with `due_at`, is over. The attempts say
// which operator acted, and why.
const actSql = (did: OperatorAct['did'], what: string, allowed = 'true'): string => `
  update converge.saga_work set ${what}, stuck_reason = null, due_at = clock_timestamp(), waits_since = clock_timestamp(),
    late_since = null, holder = null, term = term + 1,
    story = (story::jsonb || jsonb_build_array(jsonb_build_object(
      'at', clock_timestamp(), 'op', 'operator', 'did', '${did}', 'by', $2::text, 'note', $3::text)))::text
  where id = $1 and (holder is null or due_at <= clock_timestamp())
    and state in ('ready', 'calling', 'unknown', 'answered', 'stuck') and ${allowed}`;

// A stuck question is asked again: it has no call that could be made.
const retrySql = actSql(
  'retry',
  `state = case when state <> 'stuck' then state when op = 'resolve' then 'unknown' else 'ready' end`,
  `(state = 'stuck' or holder is not null or due_at > clock_timestamp() or late_since is not null)`,
);
// An undo is tried until it has happened: its failure is no outcome, unless an operator accepts the effect.
const resolveSql = actSql(
  'resolve',
  `state = 'answered', outcome = $4::text`,
  `(op is distinct from 'compensate' or $4::text::json ->> 'kind' = 'succeeded'
    or $4::text::json #>> '{failure,code}' = '${EFFECT_STAYS}') and outcome is distinct from $4::text`,
);

/**
 * Acts on work that no worker holds, or one that died. Without an outcome it is due now: work that waits keeps its state; stuck work is
 * called again, whatever became of the call before. With an outcome, from the other side's records, the worker records it like any other.
 * Throws WORK_NOT_RESOLVABLE when a worker holds the work, when it has ended, or when the act would change nothing: it was typed twice.
 */
export async function actOnWork(
  executor: Executor,
  id: string,
  { by, reason }: Operator,
  outcome?: Outcome,
): Promise<void> {
  const { rowCount } =
    outcome === undefined
      ? await executor.query(retrySql, [id, by, reason])
      : await executor.query(resolveSql, [id, by, reason, JSON.stringify(outcome)]);
  if (rowCount === 0) throw await refused(executor, id, outcome);
}

async function refused(executor: Executor, id: string, outcome?: Outcome): Promise<SagaError> {
  const why = whyNot(await readWork(executor, id), outcome);
  return new SagaError('WORK_NOT_RESOLVABLE', `${id} was left as it is: ${why}`, { category: 'data' });
}

/** Returns why an operator's act leaves work as it is. Pure. */
function whyNot({ state, holder, endedAt, outcome: stored }: WorkDetail, outcome?: Outcome): string {
  if (holder !== null) return `worker ${holder} is at it right now`;
  if (endedAt !== null) return `it is ${state}, which nothing changes any more`;
  if (outcome === undefined) return 'it is due already: its worker takes it next';
  return JSON.stringify(stored) === JSON.stringify(outcome)
    ? 'this outcome of it is on record already: its worker continues with it'
    : 'an undo is tried until it works, so it cannot be said to have failed; say what it answers when it was done by hand';
}

function notFound(id: string): SagaError {
  return new SagaError(
    'WORK_NOT_FOUND',
    `this database has no intent ${id}: \`converge call list\` shows what there is; calls of steps that have ended are in the narratives of their sagas`,
    { category: 'data' },
  );
}
