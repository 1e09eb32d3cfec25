import type { Executor } from '@convergekit/postgres';
import type { ParkedState } from '../park/parked-row.ts';
import { type AfterCompensation, REPORTED } from './contradiction.ts';
import { conditionsOf, type ParkedFilter, retriedFilter } from './parked-filter.ts';

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
  /** Given-up events whose failure events were emitted: eligible with `afterCompensation` only. */
  readonly reported: number;
  readonly ineligible: readonly Ineligible[];
}

// The conditions are those of retryParked, as far as they can be known without a lock.
const planSql = (where: string): string => `
  select why, reported, count(*)::int as events, count(distinct key collate "C")::int as keys
    from (select m.key, m.state <> 'waiting' and m.failure_event is not null as reported,
                 case when m.state = 'superseded' then 'its saga undid it before it took effect'
                      when m.state = 'replaced' then 'an operator replaced it by another event'
                      when m.state = 'waiting' and k.state = 'dead' then 'it waits behind a dead letter of its key, and follows that one'
                      when m.state <> 'waiting' and m.closed is not null then left(m.closed, 200) end as why
            from (select * from converge.parked where ${where}) m
            left join converge.parked_key k on k.consumer = m.consumer and k.topic = m.topic and k.key = m.line
             and m.state = 'waiting') p
   group by why, reported order by events desc`;

/** Counts what a retry of all matching events would do, and changes nothing: a dry run. */
export async function planRetry(
  executor: Executor,
  filter: ParkedFilter,
  { afterCompensation = false }: AfterCompensation = {},
): Promise<RetryPlan> {
  const { where, values } = conditionsOf(retriedFilter(filter));
  const { rows } = await executor.query<{
    why: string | null;
    events: number;
    keys: number;
    reported: boolean;
  }>(planSql(where), values);
  const able = rows.filter(({ why }) => why === null);
  const reported = sum(able.filter((row) => row.reported));
  const eligible = able.filter((row) => afterCompensation || !row.reported);
  const refusals = rows.flatMap(({ why, events }) => (why === null ? [] : [{ why, events }]));
  return {
    matching: sum(rows),
    eligible: sum(eligible),
    // A key with both kinds is counted twice: it has a dead letter and waits behind it.
    keys: eligible.reduce((all, { keys }) => all + keys, 0),
    reported,
    ineligible: [
      ...(reported > 0 && !afterCompensation ? [{ why: REPORTED, events: reported }] : []),
      ...merged(refusals),
    ],
  };
}

function sum(rows: readonly { readonly events: number }[]): number {
  return rows.reduce((all, { events }) => all + events, 0);
}

function merged(refusals: readonly Ineligible[]): readonly Ineligible[] {
  return [...Map.groupBy(refusals, ({ why }) => why)].map(([why, same]) => ({ why, events: sum(same) }));
}

const nowSql = `select clock_timestamp() as now`;

/** The database's time: what is parked later is not part of a retry that begins now. */
export async function parkedBy(executor: Executor): Promise<Date> {
  const now = (await executor.query<{ now: Date }>(nowSql)).rows[0]?.now;
  if (now === undefined) throw new TypeError('a select of one row that returns none');
  return now;
}

/** What became of a retried event. A row that is gone was applied. */
export interface AfterRetry {
  readonly id: string;
  readonly state: ParkedState;
  readonly tries: number;
}

export async function readAfterRetry(
  executor: Executor,
  ids: readonly string[],
): Promise<readonly AfterRetry[]> {
  const sql = 'select id, state, tries from converge.parked where id = any ($1::uuid[])';
  return (await executor.query<AfterRetry>(sql, [ids])).rows;
}
