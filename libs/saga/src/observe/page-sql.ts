import type { Executor } from '@convergekit/postgres';
import { namesSql } from '../calls/journal/runs-sql.ts';
import { INSTANCE_COLUMNS, type InstanceView } from './instance-sql.ts';
import type { InstanceState } from './judge.ts';

/** The place of an instance in the listing, from which the next page begins. */
export interface InstanceCursor {
  readonly state: InstanceState;
  /** Microseconds since the epoch, as text: a `Date` would lose the last three digits. */
  readonly changedAt: string;
  readonly saga: string;
  readonly instance: string;
}

/** What a page of instances is of. An omitted condition matches everything. */
export interface InstanceSearch {
  /** The states in the order in which they are listed. */
  readonly states: readonly InstanceState[];
  readonly saga?: string | undefined;
  readonly key?: string | undefined;
  readonly traceId?: string | undefined;
  readonly instances?: readonly string[] | undefined;
  /** A part of the reason, in any case. */
  readonly reason?: string | undefined;
  readonly startedBefore?: Date | undefined;
  readonly after?: InstanceCursor | undefined;
  readonly limit: number;
}

export interface ListedInstance extends InstanceView {
  readonly cursor: InstanceCursor;
}

/**
 * Lists a page of instances: state by state in the order given, the latest change of each first. A page costs the rows that it
 * shows, however many instances there are; by key, id and trace the whole history is searched.
 */
export async function pageInstances(
  executor: Executor,
  { states, after, limit, ...search }: InstanceSearch,
): Promise<readonly ListedInstance[]> {
  const found: ListedInstance[] = [];
  const begun = after === undefined ? 0 : Math.max(0, states.indexOf(after.state));
  for (const state of states.slice(begun)) {
    if (found.length >= limit) break;
    const from = after?.state === state ? after : undefined;
    found.push(...(await pageOfState(executor, state, search, from, limit - found.length)));
  }
  return found;
}

type Conditions = Omit<InstanceSearch, 'states' | 'after' | 'limit'>;

// With a state alone the index on (state, changed_at) is read from its end; key, trace and ids have indexes of their own. So the
// statement has the conditions that are asked for, and no others.
async function pageOfState(
  executor: Executor,
  state: InstanceState,
  { saga, key, traceId, instances, reason, startedBefore }: Conditions,
  after: InstanceCursor | undefined,
  limit: number,
): Promise<readonly ListedInstance[]> {
  const values: unknown[] = [];
  const put = (value: unknown): string => `$${values.push(value)}`;
  const when = (value: unknown, condition: (value: string) => string): readonly string[] =>
    value === undefined ? [] : [condition(put(value))];
  const where = [
    `state = ${put(state)}`,
    ...when(saga, (value) => `saga = ${value}`),
    ...when(key, (value) => `key = ${value}`),
    ...when(traceId, (value) => `trace_id = ${value}`),
    ...when(
      instances,
      (value) => `instance = any (${value}) and saga = any (array(${namesSql('saga_instance')}))`,
    ),
    ...when(reason, (value) => `strpos(lower(reason), lower(${value})) > 0`),
    ...when(startedBefore?.toISOString(), (value) => `coalesce(started_at, first_at) < ${value}`),
    ...(after === undefined
      ? []
      : [
          `(changed_at, saga, instance) < (timestamptz 'epoch' + ${put(after.changedAt)}::bigint * interval '1 microsecond', ${put(after.saga)}, ${put(after.instance)})`,
        ]),
  ];
  const { rows } = await executor.query<InstanceView & { readonly at: string }>(
    `select ${INSTANCE_COLUMNS}, (extract(epoch from changed_at) * 1000000)::bigint::text as at
       from converge.saga_instance where ${where.join(' and ')}
      order by changed_at desc, saga desc, instance desc limit ${put(limit)}`,
    values,
  );
  return rows.map(({ at, ...row }) => ({
    ...row,
    cursor: { state, changedAt: at, saga: row.saga, instance: row.instance },
  }));
}

const countSql = `
  select s.state, counted.rows as count
    from unnest($1::text[]) s(state)
    cross join lateral (select count(*)::int as rows from (
      select from converge.saga_instance i where i.state = s.state limit $2) few) counted`;

/** Counts instances by state, up to `most` of each: the page says "more than" instead of reading a million rows. */
export async function countInstances(
  executor: Executor,
  states: readonly InstanceState[],
  most: number,
): Promise<ReadonlyMap<InstanceState, number>> {
  const { rows } = await executor.query<{ state: InstanceState; count: number }>(countSql, [states, most]);
  return new Map(rows.map(({ state, count }) => [state, count]));
}
