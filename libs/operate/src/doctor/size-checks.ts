import type { Executor } from '@convergekit/postgres';
import { formatBytes } from '../text.ts';
import type { Finding } from './finding.ts';

export interface Sizes {
  readonly children: number;
  /** Outbox with indexes, all children. */
  readonly outboxBytes: number;
  /** Small tables that are updated in place: they must stay small. */
  readonly tables: readonly { readonly name: string; readonly live: number; readonly dead: number }[];
}

// Sizes of files and counters of the statistics collector; no table is read.
const sql = `
  select (select count(*)::int from pg_inherits where inhparent = 'converge.outbox'::regclass) as children,
         (select coalesce(sum(pg_total_relation_size(inhrelid)), 0)::float8 from pg_inherits
           where inhparent = 'converge.outbox'::regclass) as "outboxBytes",
         (select coalesce(json_agg(json_build_object('name', relname, 'live', n_live_tup, 'dead', n_dead_tup) order by relname), '[]')
            from pg_stat_user_tables
           where schemaname = 'converge' and relname in ('tick', 'lease', 'relay_source', 'relay_topic', 'relay_cursor')) as tables`;

export async function readSizes(executor: Executor): Promise<Sizes> {
  const { rows } = await executor.query<Sizes>(sql);
  const [row] = rows;
  if (row === undefined) throw new Error('Postgres returned no row for the sizes of its own tables');
  return row;
}

/** The number of children that is many: a busy source's day of retention has some dozens. */
const MANY_CHILDREN = 200;
const DEAD_ROWS = 50_000;

/** Checks the sizes (pure). */
export function checkSizes({ children, outboxBytes, tables }: Sizes): readonly Finding[] {
  const text = `${children} children, ${formatBytes(outboxBytes)} with indexes`;
  const outbox: Finding =
    children < MANY_CHILDREN
      ? { check: 'outbox', verdict: 'ok', text }
      : {
          check: 'outbox',
          verdict: 'warn',
          text: `${text}: reading plans over all that are not finished`,
          next: 'look for what holds retention back (long transactions), or keep events for a shorter time',
        };
  const bloated = tables.filter(({ live, dead }) => dead > DEAD_ROWS && dead > 5 * live);
  return [
    outbox,
    ...bloated.map(({ name, live, dead }): Finding => ({
      check: 'bloat',
      verdict: 'warn',
      text: `converge.${name} has ${dead} dead rows for ${live} live ones: polls get slower`,
      next: `end what holds back vacuum (long transactions), then vacuum converge.${name}`,
    })),
  ];
}
