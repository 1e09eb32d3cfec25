import type { Executor } from '@convergekit/postgres';
import { conditionsOf, type ParkedFilter } from './parked-filter.ts';

/** The matching events that a retry would refuse, and why. */
export interface Ineligible {
  readonly why: string;
  readonly events: number;
}

/** What a retry of all matching events would do. */
export interface RetryPlan {
  readonly matching: number;
  readonly eligible: number;
  readonly keys: number;
  /** Eligible dead letters whose failure events went out: other services may have compensated already. */
  readonly reported: number;
  readonly ineligible: readonly Ineligible[];
}

// The conditions are those of retryParked, as far as they can be known without a lock.
const planSql = (where: string): string => `
  select why, count(*)::int as events, count(distinct key collate "C")::int as keys,
         (count(*) filter (where p.state in ('dead', 'rejected') and failure_event is not null))::int as reported
    from (select m.state, m.key, m.failure_event,
                 case when m.state = 'superseded' then 'its saga undid it before it took effect'
                      when m.state = 'replaced' then 'an operator replaced it by another event'
                      when m.state = 'waiting' and k.state = 'dead' then 'it waits behind a dead letter of its key, and follows that one'
                      when m.state <> 'waiting' and m.closed is not null then left(m.closed, 200) end as why
            from (select * from converge.parked where ${where}) m
            left join converge.parked_key k on k.consumer = m.consumer and k.topic = m.topic and k.key = m.line
             and m.state = 'waiting') p
   group by why order by events desc`;

/** Counts what a retry of all matching events would do, and changes nothing: a dry run. */
export async function planRetry(executor: Executor, filter: ParkedFilter): Promise<RetryPlan> {
  const { where, values } = conditionsOf(filter);
  const { rows } = await executor.query<{
    why: string | null;
    events: number;
    keys: number;
    reported: number;
  }>(planSql(where), values);
  const eligible = rows.find(({ why }) => why === null);
  return {
    matching: rows.reduce((sum, { events }) => sum + events, 0),
    eligible: eligible?.events ?? 0,
    keys: eligible?.keys ?? 0,
    reported: eligible?.reported ?? 0,
    ineligible: rows.flatMap(({ why, events }) => (why === null ? [] : [{ why, events }])),
  };
}
