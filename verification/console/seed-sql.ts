import type { Executor } from '@convergekit/postgres';

export interface Amounts {
  readonly sagas: number;
  readonly deadLetters: number;
}

// A UUIDv7 of a time, so that the time of an id is that of its saga.
const ID = (n: string): string =>
  `(lpad(to_hex((extract(epoch from ${AT(n)}) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(${n} % 4096), 3, '0') || '8' || lpad(to_hex(${n}), 15, '0'))::uuid`;
/** The sagas of some eleven days, one a second, up to now. */
function AT(n: string): string {
  return `((select until from amounts) - ((select total from amounts) - ${n}) * interval '1 second')`;
}

const evidence = (n: string, seconds: string): string =>
  `json_build_object('event', ${ID(n)}, 'at', ${AT(n)} + ${seconds} * interval '1 second')`;

/** A decision of a step's journal. */
const ENTRY = (trigger: string, to: string, act: string, rest = ''): string =>
  `json_build_object('at', ${AT('n')}, 'trigger', '${trigger}', 'to', '${to}', 'act', '${act}'${rest})::text`;

/**
 * The rows of a service after a million sagas, in the shapes that the kit writes, each by one statement. One saga in a thousand is
 * stuck, one in five hundred runs, one in twenty was compensated. The dead letters are of two outages and a mistake in the data.
 */
function statements(amounts: Amounts): readonly Statement[] {
  return [
    ...sagaRows(amounts),
    ...failureRows(amounts),
    ...lineRows,
    ...reconcilerRows(amounts),
    ['', 'vacuum analyze'],
  ];
}

type Statement = readonly [what: string, sql: string];

function sagaRows({ sagas }: Amounts): readonly Statement[] {
  const each = `from generate_series(1, ${sagas}::bigint) n`;
  const state = `case when n % 1000 = 0 then 'stuck' when n % 500 = 1 then 'running' when n % 20 = 3 then 'compensated' else 'completed' end`;
  return [
    ['', `create temporary table amounts as select ${sagas}::bigint as total, now() as until`],
    [
      'sagas of an observer',
      `insert into converge.saga_instance
         (saga, instance, version, key, state, reason, facts, started_at, first_at, failed_at, ended_at, expires_at, changed_at, trace_id)
       select 'shop.place-order', ${ID('n')}::text, 1, 'order-' || n, ${state},
              case when n % 1000 = 0 then 'ship waits for an operator: call_failing (no truck for parcel ' || n || ')'
                   when n % 20 = 3 then 'pay failed: CARD_DECLINED (card of customer ' || n || ')' end,
              json_build_object('start', ${evidence('n', '0')}, 'steps', json_build_object(
                'reserve', json_build_object('success', ${evidence('n', '0.1')}), 'pay', json_build_object('success', ${evidence('n', '0.4')}),
                'ship', json_build_object('success', ${evidence('n', '0.8')}), 'confirm', json_build_object('success', ${evidence('n', '1')})))::text,
              ${AT('n')}, ${AT('n')}, case when n % 20 = 3 then ${AT('n')} end,
              case when ${state} in ('completed', 'compensated') then ${AT('n')} + interval '1 second' end,
              ${AT('n')} + interval '20 minutes', ${AT('n')} + interval '1 second', md5(n::text) ${each}`,
    ],
    [
      'fences of a step',
      `insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, reason_code, reason, cause_event, stuck_since, created_at,
              changed_at, seq, journal)
       select 'shop.place-order', ${ID('n')}::text, 'ship', 1, 'shipping', 'order-' || n,
              case when n % 1000 = 0 then 'stuck' when n % 500 = 1 then 'started' else 'applied' end,
              case when n % 1000 = 0 then 'call_failing' end, case when n % 1000 = 0 then 'no truck' end, ${ID('n')}::text,
              case when n % 1000 = 0 then ${AT('n')} end, ${AT('n')}, ${AT('n')},
              case when n % 500 > 1 then 2 else 1 end,
              array[${ENTRY('begin', 'started', 'run', `, 'cause', ${ID('n')}`)}] ||
              case when n % 500 > 1 then array[${ENTRY('applied', 'applied', 'emit_success')}] else '{}' end ${each}
        where (select set_config('session_replication_role', 'replica', true)) is not null`,
    ],
    [
      'open calls of it',
      `insert into converge.saga_work (id, consumer, handler, call, key, idempotency_key, input, cause, state, stuck_reason, attempts, story,
              created_at, due_at, waits_since, saga, instance, step, op)
       select ${ID('n')}, 'shipping', 'shop.place-order.ship', 'carrier.hand', 'order-' || n, n::text, '{}',
              json_build_object('eventId', ${ID('n')}, 'correlationId', ${ID('n')}, 'hops', 1)::text,
              case when n % 1000 = 0 then 'stuck' else 'ready' end, case when n % 1000 = 0 then 'outcome_unknown' end,
              1 + n % 7, '[]', ${AT('n')}, ${AT('n')}, ${AT('n')}, 'shop.place-order', ${ID('n')}::text, 'ship', 'apply'
         ${each} where n % 1000 = 0 or n % 500 = 1`,
    ],
    [
      'events of the outbox',
      `insert into converge.outbox (event_id, topic, key, type, headers, payload, created_at)
       select ${ID('n')}, 'orders', 'order-' || n, 'shop.order-placed',
              json_build_object('ce_id', ${ID('n')}, 'ce_correlationid', ${ID('n')}, 'traceparent', '00-' || md5(n::text) || '-0123456789abcdef-01',
                'ce_source', 'orders', 'ce_type', 'shop.order-placed', 'ce_specversion', '1.0')::text,
              json_build_object('order', n, 'customer', 'customer-' || n % 50000, 'lines', json_build_array(json_build_object('sku', 'sku-' || n % 999, 'cents', n % 10000)))::text,
              ${AT('n')} ${each}`,
    ],
  ];
}

/** The length of the line of one bad key. */
const LINE = 100_000;

/** A dead letter, and the events that wait behind it. */
const lineRows: readonly Statement[] = [
  [
    '',
    `insert into converge.parked_key (consumer, topic, key, partition, state, tail) values ('shipping', 'orders', 'hot', 0, 'dead', ${LINE})`,
  ],
  [
    'events behind one dead letter',
    `insert into converge.parked (id, consumer, topic, line, seq, state, handler, partition, record_offset, timestamp_ms, event_id, type, version,
            source, key, headers, payload, in_log, category, certainty, code, reason, attempts, first_at, last_at, failure_event, parked_at)
     select gen_random_uuid(), 'shipping', 'orders', 'hot', n, case n when 1 then 'dead' else 'waiting' end, 'saga:shop.place-order.ship', 0, 1000000 + n, 0,
            ${ID('5000000 + n')}::text, 'shop.payment-taken', 1, 'payments', 'hot', '[]', case when n <= 1000 then '{}'::bytea end, n > 1000,
            case n when 1 then 'bug' end, case n when 1 then 'not_applied' end, case n when 1 then 'BROKEN' end, case n when 1 then 'broken' end,
            '[]', case n when 1 then now() end, case n when 1 then now() end, case n when 1 then gen_random_uuid() end, now()
       from generate_series(1, ${LINE}::bigint) n`,
  ],
];

function failureRows({ deadLetters }: Amounts): readonly Statement[] {
  return [
    ['', `insert into converge.inbox_consumer (name) values ('shipping')`],
    [
      'partitions',
      `insert into converge.inbox_partition (consumer, topic, partition, start_offset, next_offset)
       select 'shipping', 'orders', p, 0, 100000 from generate_series(0, 11) p`,
    ],
    [
      'parked keys',
      `insert into converge.parked_key (consumer, topic, key, partition, state, tail, parked_at)
       select 'shipping', 'orders', 'order-' || n, n % 12, 'dead', 1, now() - (n % 80000) * interval '1 second'
         from generate_series(1, ${deadLetters / 2}::bigint) n`,
    ],
    [
      'dead letters',
      `insert into converge.parked (id, consumer, topic, line, seq, state, handler, partition, record_offset, timestamp_ms, event_id, type, version,
              source, key, headers, payload, category, certainty, code, reason, structural, attempts, first_at, last_at, failure_event, parked_at)
       select gen_random_uuid(), 'shipping', 'orders', case when n <= ${deadLetters / 2} then 'order-' || n end,
              case when n <= ${deadLetters / 2} then 1 end, 'dead', 'saga:shop.place-order.ship', n % 12, n, 0, ${ID('n')}::text, 'shop.payment-taken', 1,
              'payments', 'order-' || n, json_build_array(json_build_array('ce_id', ${ID('n')}), json_build_array('ce_type', 'shop.payment-taken'),
                json_build_array('traceparent', '00-' || md5(n::text) || '-0123456789abcdef-01'))::text,
              convert_to(json_build_object('order', n, 'cents', n % 10000, 'note', repeat('x', 200))::text, 'utf8'),
              case n % 10 when 0 then 'data' when 1 then 'network' else 'service' end, 'not_applied',
              case n % 10 when 0 then 'ZodError' when 1 then 'ECONNREFUSED' else 'CARRIER_DOWN' end,
              case n % 10 when 0 then 'order ' || n || ': "cents" of line ' || n % 9 || ' is no whole number'
                          when 1 then 'connect ECONNREFUSED 10.0.0.' || n % 250 || ':443'
                          else 'carrier answered 503 for parcel ' || md5(n::text) end, n % 10 = 0,
              '[{"number":1,"at":"2026-01-01T00:00:00.000Z","durationMs":5,"category":"service","certainty":"not_applied","code":"CARRIER_DOWN","message":"503","outcome":"dead"}]',
              now(), now(), gen_random_uuid(), now() - (n % 80000) * interval '1 second'
         from generate_series(1, ${deadLetters}::bigint) n`,
    ],
    [
      'failed attempts',
      `insert into converge.inbox_attempt (id, consumer, handler, phase, event_id, topic, partition, record_offset, key, number, started_at, duration_ms,
              outcome, category, certainty, code, message)
       select gen_random_uuid(), 'shipping', 'saga:shop.place-order.ship', 'apply', ${ID('n')}::text, 'orders', n % 12, n, 'order-' || n, a,
              now() - (n % 80000) * interval '1 second', 5, case a when 3 then 'dead' else 'retry' end, 'service', 'not_applied', 'CARRIER_DOWN', '503'
         from generate_series(1, ${deadLetters}::bigint) n, generate_series(1, 3) a`,
    ],
    [
      'acts of operators',
      `insert into converge.audit (at, role, by, act, subject_kind, subject_id, before, after, reason)
       select now() - n * interval '1 second', 'ops', 'ada', 'parked retry', 'event', ${ID('n')}::text,
              jsonb_build_object('consumer', 'shipping', 'topic', 'orders', 'partition', 0, 'key', 'order-' || n, 'state', 'dead', 'run', 0), '{}',
              'the carrier is back' from generate_series(1, ${deadLetters}::bigint) n`,
    ],
  ];
}

function reconcilerRows({ deadLetters }: Amounts): readonly Statement[] {
  return [
    [
      'keys of a reconciler',
      `insert into converge.reconcile_key (reconciler, key, state, priority, next_at, cause, verdict, drift_hash, drift_since, diverged_at, reason)
       select 'parcels', 'order-' || n, 'queued', 3, now(), 'sweep', 'held ' || md5(n::text), md5(n::text), now(), now(),
              'held: the limit of repairs is reached' from generate_series(1, ${deadLetters}::bigint) n`,
    ],
    [
      'repairs',
      `insert into converge.reconcile_audit (reconciler, key, desired, before, after, drift, why, cause, actor, term, at)
       select 'parcels', 'order-' || n, '{"state":"handed"}', '{"state":"open"}', '{"state":"handed"}', '{"state":["open","handed"]}', 'drifted', 'sweep',
              'reconciler', 1, now() - n * interval '1 second' from generate_series(1, ${deadLetters}::bigint) n`,
    ],
    [
      '',
      `insert into converge.reconciler (name, last_run_at, last_run_ended_at, last_run_keys, held_at, held_reason)
         values ('parcels', now(), now(), ${deadLetters}, now(), 'a window allows 2000 repairs; all were made, and more keys differ')`,
    ],
  ];
}

/** Writes the rows, on one connection. `say` gets a line for each kind of rows. */
export async function seed(executor: Executor, amounts: Amounts, say: (line: string) => void): Promise<void> {
  await executor.query(`set synchronous_commit = off`);
  for (const [what, sql] of statements(amounts)) {
    const { rowCount } = await executor.query(sql);
    if (what !== '') say(`${rowCount.toLocaleString('en')} ${what}`);
  }
}

const picksSql = `
  select (select instance from converge.saga_instance where state = 'stuck' order by changed_at limit 1) as stuck,
         (select instance from converge.saga_instance where state = 'completed' order by changed_at limit 1) as completed,
         (select id::text from converge.parked order by parked_at limit 1) as parked`;

/** Ids of things whose pages are measured: the oldest of their kinds. */
export type Picks = Readonly<Record<'stuck' | 'completed' | 'parked', string>>;

export async function picks(executor: Executor): Promise<Picks> {
  const { rows } = await executor.query<Picks>(picksSql);
  const [row] = rows;
  if (row === undefined) throw new TypeError('a select without a table that returns no row');
  return row;
}
