import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import { awaitedQuotaSql } from '../calls/quota/quota-sql.ts';
import type { WorkState } from '../calls/work/work.ts';
import { type EndedStepWork, readEndedWork } from './records-sql.ts';

type Columns =
  'at' | 'id' | 'consumer' | 'handler' | 'call' | 'stuckReason' | 'endedAt' | 'awaitsQuota' | 'story';

/** A call to another system that a handler of an event asked for. */
export interface EventWork extends Pick<EndedStepWork, Columns> {
  readonly eventId: string;
  readonly state: WorkState;
}

const columns = `
  json_build_object('at', w.created_at, 'id', w.id, 'consumer', w.consumer, 'handler', w.handler,
    'eventId', w.cause::json ->> 'eventId', 'call', w.call, 'state', w.state, 'stuckReason', w.stuck_reason,
    'endedAt', w.ended_at, 'awaitsQuota', ${awaitedQuotaSql('w')}, 'story', w.story::json) as work`;
// The statement uses three partial indexes: open work, stuck one, and what ended in these spans. Each span is looked up by itself, as
// a join would read the whole table (`offset 0` keeps the planner from making one).
const workSql = `
  select ${columns} from converge.saga_work w
   where w.state in ('ready', 'calling', 'unknown', 'answered') and w.cause::json ->> 'eventId' = any ($1)
  union all
  select ${columns} from converge.saga_work w where w.state = 'stuck' and w.cause::json ->> 'eventId' = any ($1)
  union all
  select ${columns} from unnest($2::timestamptz[], $3::timestamptz[]) r(low, high)
   cross join lateral (
     select * from converge.saga_work where ended_at is not null and ended_at >= r.low and ended_at < r.high offset 0) as w
   where w.cause::json ->> 'eventId' = any ($1)`;

/**
 * Reads the work that handlers of these events requested, with all attempts: what is open, and what ended in these spans of
 * time. None where the database has no sagas.
 */
export async function readEventWork(
  executor: Executor,
  events: readonly string[],
  spans: { readonly from: readonly string[]; readonly to: readonly string[] },
): Promise<readonly EventWork[]> {
  if (!(await hasTables(executor, 'converge.call_quota'))) return [];
  const { rows } = await executor.query<{ work: EventWork }>(workSql, [events, spans.from, spans.to]);
  const ended = await readEndedWork(executor, events, spans);
  return [...rows.map(({ work }) => work), ...ended.map(ofStep)];
}

function ofStep(work: EndedStepWork): EventWork {
  const { at, id, consumer, handler, call, state, stuckReason, endedAt, awaitsQuota, story } = work;
  const { causeEvent: eventId } = work;
  return { at, id, consumer, handler, eventId, call, state, stuckReason, endedAt, awaitsQuota, story };
}
