import type { Executor } from '@convergekit/postgres';
import { type Check, checkOf } from '../../../checker/check.ts';

/** The consumer's own table. `line` has the order of the effects of a key: a key has one partition. */
export const effectTableSql = `
  create table effect (line bigint generated always as identity primary key, event_id text not null, key text not null,
                       n int not null, at timestamptz not null default clock_timestamp())`;

export async function countEffects(executor: Executor): Promise<number> {
  const { rows } = await executor.query<{ n: number }>(
    'select count(distinct event_id)::int as n from effect',
  );
  return rows[0]?.n ?? 0;
}

/** What is claimed of a consumer's effects; the events against it are counted. */
export const CLAIMS = {
  lost: 'each event has its effect',
  twice: 'no event has its effect twice',
  invented: 'no effect is of an event that the outbox does not have',
  outOfOrder: 'effects are in the order of their key',
} as const;

export type EffectCounts = Readonly<Record<keyof typeof CLAIMS | 'longestPauseMs', number>>;

/** Of an event that has its effect twice, the first one counts for the order. */
const judgeSql = `
  with sent as (select unnest($1::text[]) as id)
  select (select count(*)::int from sent where not exists (select from effect e where e.event_id = sent.id)) as lost,
         (select (count(*) - count(distinct event_id))::int from effect) as twice,
         (select count(*)::int from effect e where not exists (select from sent where sent.id = e.event_id)) as invented,
         (select count(*)::int from (select n <= lag(n) over (partition by key order by line) as back
                                    from (select distinct on (event_id) * from effect order by event_id, line) first) o
           where back) as "outOfOrder",
         (select coalesce(max(extract(epoch from pause) * 1000), 0)::int
            from (select at - lag(at) over (order by at) as pause from effect) p) as "longestPauseMs"`;

/** Compares a consumer's effects with the events of the outbox, by one statement in the consumer's database. */
export async function judgeEffects(executor: Executor, sent: readonly string[]): Promise<EffectCounts> {
  const { rows } = await executor.query<EffectCounts>(judgeSql, [sent]);
  const [row] = rows;
  if (row === undefined) throw new Error('the statement that judges the effects returned no row');
  return row;
}

/** The claims of a consumer's effects as checks. Pure. */
export function effectChecks(name: string, looked: number, counts: EffectCounts): readonly Check[] {
  return (Object.keys(CLAIMS) as (keyof typeof CLAIMS)[]).map((kind) => {
    const found = counts[kind] === 0 ? [] : [`${counts[kind]} events`];
    return checkOf(`${CLAIMS[kind]} at ${name}`, looked, found, kind === 'lost' ? 'at_rest' : 'always');
  });
}
