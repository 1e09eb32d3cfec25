import type { Executor } from '@convergekit/postgres';
import type { ConsumerFacts, Lag, Rate, ReconcilerFacts, SagaFacts, ServiceFacts } from './facts.ts';

// The tables that are there, and that the console's login may read: home names those that it may not.
const readableSql = `
  select name from unnest($1::text[]) name
   where to_regclass('converge.' || name) is not null and has_table_privilege('converge.' || name, 'select')`;
const TABLES = {
  source: ['source', 'lease', 'relay_source', 'relay_topic'],
  consumers: ['inbox_consumer', 'inbox_partition', 'parked_key'],
  sagas: ['saga_instance'],
  reconcilers: ['reconciler', 'reconcile_key'],
  counts: ['counter'],
} as const;

// A few rows each.
const sourceSql = `
  select exists (select from converge.lease l where l.name = 'relay' and l.expires_at > clock_timestamp()) as leads,
         exists (select from converge.relay_source r where r.term > 0) as led,
         (select coalesce(array_agg(t.topic order by t.topic), '{}') from converge.relay_topic t) as topics
    from converge.source`;

// One row a partition, and the parked keys by the primary key of their table.
const consumersSql = `
  select c.name, array_agg(distinct p.topic) as topics,
         (select coalesce(array_agg(distinct h.handler), '{}')
            from jsonb_each(c.types) as t (topic, own), jsonb_each_text(t.own) as h (type, handler)) as handlers,
         (select count(*)::int from converge.parked_key k where k.consumer = c.name) as "parkedKeys",
         count(*) filter (where p.state = 'halted' and p.halted_code <> 'paused')::int as halted,
         count(*) filter (where p.state = 'halted' and p.halted_code = 'paused')::int as paused,
         count(*) filter (where p.wait_code is not null)::int as waits
    from converge.inbox_consumer c join converge.inbox_partition p on p.consumer = c.name
   group by c.name order by c.name`;

// By the index on state, so that those that ended cost nothing; of a great number, the count is a lower bound.
const sagasSql = `
  select saga as name, count(*)::int as open, count(*) filter (where state = 'stuck')::int as stuck
    from ((select saga, state from converge.saga_instance where state = 'stuck' limit 1000)
          union all
          (select saga, state from converge.saga_instance where state in ('running', 'compensating', 'expired') limit 10000)) as found
   group by saga order by saga`;

const reconcilersSql = `
  select r.name, r.held_at is not null as held, r.paused_at is not null as paused,
         (select count(*)::int from converge.reconcile_key k where k.reconciler = r.name and k.state = 'terminal') as unresolved
    from converge.reconciler r order by r.name`;

// A minute of rows, by the index on their time.
const ratesSql = `
  with recent as (select * from converge.counter where at > clock_timestamp() - interval '1 minute')
  select part, name, null as topic, sum(done)::float8 / 60 as "perSecond" from recent group by part, name
  union all
  select r.part, r.name, t.topic, sum(t.done::bigint)::float8 / 60 from recent r, jsonb_each_text(r.topics) as t (topic, done)
   group by r.part, r.name, t.topic`;

// The newest row of each process that writes, or of the last one that did: at rest nothing is written, and nothing changes.
const lagsSql = `
  with newest as (
    select distinct on (part, name, process) part, name, at, lag from converge.counter
     where at > clock_timestamp() - interval '1 hour' and lag is not null order by part, name, process, at desc)
  select part, name, sum(lag)::float8 as lag from newest n
   where at > clock_timestamp() - interval '1 minute'
      or not exists (select from newest m where m.part = n.part and m.name = n.name and m.at > n.at)
   group by part, name`;

interface SourceRow {
  readonly leads: boolean;
  readonly led: boolean;
  readonly topics: readonly string[];
}

/** Reads what the map shows of one database, in a few statements that change nothing. */
export async function readFacts(executor: Executor, database: string): Promise<ServiceFacts> {
  const all = Object.values(TABLES).flat();
  const { rows: names } = await executor.query<{ name: string }>(readableSql, [all]);
  const readable = new Set(names.map(({ name }) => name));
  const from = async <Row>(part: keyof typeof TABLES, sql: string): Promise<readonly Row[]> =>
    TABLES[part].every((table) => readable.has(table)) ? (await executor.query<Row>(sql)).rows : [];
  const [sources, consumers, sagas, reconcilers, rates, lags] = await Promise.all([
    from<SourceRow>('source', sourceSql),
    from<ConsumerFacts>('consumers', consumersSql),
    from<SagaFacts>('sagas', sagasSql),
    from<ReconcilerFacts>('reconcilers', reconcilersSql),
    from<Rate>('counts', ratesSql),
    from<Lag>('counts', lagsSql),
  ]);
  const [row] = sources;
  const isSource = row !== undefined && (row.led || row.topics.length > 0);
  const source = isSource ? { leads: row.leads, topics: row.topics } : undefined;
  return { database, source, consumers, sagas, reconcilers, rates, lags };
}
