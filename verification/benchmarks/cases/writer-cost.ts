import { defineEvent } from '@convergekit/contracts';
import { createOutbox, outboxMigrations } from '@convergekit/outbox';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { systemClock } from '@convergekit/core';
import { freshDatabase } from '@convergekit/testing';
import { randomUUID } from 'node:crypto';
import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import { z } from 'zod';
import type { Case } from '../case.ts';
import { median, summarize } from '../measure/statistics.ts';
import { table } from '../report/markdown.ts';
import { barPlot } from '../report/svg.ts';
import { inTurn } from './drain.ts';

const CONNECTIONS = 16;
const ACCOUNTS = 10_000;
const SECONDS = 5;
const PLAIN = 'without, plain Kysely';
const ORDINARY = 'ordinary outbox table';
const NOTE = 'x'.repeat(230);

const orderPlaced = defineEvent({
  type: 'bench.order.placed',
  version: 1,
  topic: 'bench.orders',
  key: (data) => data.orderId,
  data: z.object({ orderId: z.string(), note: z.string() }),
});

type Transact = (database: Database, id: string) => Promise<unknown>;

const outbox = createOutbox([orderPlaced]);
/** Kysely in its usual set-up on the same pool: BEGIN is a separate round trip. */
const plain = new WeakMap<Database, Kysely<unknown>>();
function plainOf(database: Database): Kysely<unknown> {
  const known = plain.get(database);
  if (known !== undefined) return known;
  const made = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: database.pool }) });
  plain.set(database, made);
  return made;
}

const ways: readonly (readonly [name: string, transact: Transact])[] = [
  [
    PLAIN,
    (database, id) =>
      plainOf(database)
        .transaction()
        .execute((tx) => business(tx, id)),
  ],
  ['without', ({ db }, id) => db.transaction().execute((tx) => business(tx, id))],
  [
    'with outbox',
    ({ db }, id) =>
      outbox.transaction(db, async ({ tx, emit }) => {
        await business(tx, id);
        emit(orderPlaced({ orderId: id, note: NOTE }));
      }),
  ],
  [
    ORDINARY,
    ({ db }, id) =>
      db.transaction().execute(async (tx) => {
        await business(tx, id);
        await ordinaryEmit(tx, id);
      }),
  ],
];

/** The least that any outbox does: one INSERT of the event into a table without order, checks, limits or partitions. */
async function ordinaryEmit(tx: Transaction<unknown>, orderId: string): Promise<void> {
  const headers = JSON.stringify({ correlationId: randomUUID() });
  const payload = JSON.stringify({ orderId, note: NOTE });
  await sql`insert into ordinary_outbox (event_id, topic, key, type, headers, payload)
    values (${randomUUID()}, 'bench.orders', ${orderId}, 'bench.order.placed', ${headers}, ${payload})`.execute(
    tx,
  );
}

/** An order, two lines, an account: what a small business transaction does. */
async function business(tx: Transaction<unknown>, id: string): Promise<void> {
  await sql`insert into orders (id, note) values (${id}, 'a note')`.execute(tx);
  await sql`insert into line (order_id, sku) values (${id}, 'sku-1'), (${id}, 'sku-2')`.execute(tx);
  const account = Math.floor(Math.random() * ACCOUNTS);
  await sql`update account set total = total + 1 where id = ${account}`.execute(tx);
}

/** The cost of an emit for its transaction. */
export const writerCase: Case = {
  name: 'writer',
  title: 'What an emit costs its transaction',
  async run({ stack, settings, cleanup, say }) {
    const url = await freshDatabase(stack.databaseUrl, 'bench_writer');
    const database = connect({ url, applicationName: 'bench-writer', max: CONNECTIONS });
    const closed = cleanup.add(() => database.close());
    try {
      await migrate(database, [outboxMigrations]);
      for (const statement of TABLES) await database.executor.query(statement);
      const rates = new Map(ways.map(([name]) => [name, [] as number[]]));
      for (const [, transact] of ways) await rateOf(database, transact, 2);
      for (let round = 1; round <= settings.rounds; round += 1)
        for (const [name, transact] of inTurn(ways, round)) {
          await database.executor.query('checkpoint');
          const rate = await rateOf(database, transact, SECONDS);
          rates.get(name)?.push(rate);
          say(`writer, round ${round}: ${name} ${rate.toFixed(0)} tx/s`);
        }
      return resultOf(rates);
    } finally {
      await closed();
    }
  },
};

async function rateOf(database: Database, transact: Transact, seconds: number): Promise<number> {
  const start = systemClock.monotonic();
  const end = start + seconds * 1000;
  let done = 0;
  const loop = async (worker: number): Promise<void> => {
    for (let n = 0; systemClock.monotonic() < end; n += 1) {
      await transact(database, `${start}-${worker}-${n}`);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, worker) => loop(worker)));
  return (done / (systemClock.monotonic() - start)) * 1000;
}

function resultOf(rates: ReadonlyMap<string, readonly number[]>): Awaited<ReturnType<Case['run']>> {
  const of = (name: string): readonly number[] => rates.get(name) ?? [];
  return {
    figures: [
      {
        name: `transactions/s with outbox / without, ${CONNECTIONS} connections`,
        bar: { kind: 'at least', ratio: 0.75 },
        ours: { value: median(of('with outbox')), unit: 'tx/s' },
        rival: { value: median(of('without')), unit: 'tx/s', who: 'without' },
      },
      {
        name: 'the same against Kysely on a plain pool, as before the kit',
        bar: { kind: 'report' },
        ours: { value: median(of('with outbox')), unit: 'tx/s' },
        rival: { value: median(of(PLAIN)), unit: 'tx/s', who: PLAIN },
      },
      {
        name: 'the same against one INSERT into an ordinary outbox table, the floor of any outbox',
        bar: { kind: 'at least', ratio: 0.9 },
        ours: { value: median(of('with outbox')), unit: 'tx/s' },
        rival: { value: median(of(ORDINARY)), unit: 'tx/s', who: ORDINARY },
      },
    ],
    plots: [
      {
        name: 'writer',
        title: 'Transactions per second of a writer',
        svg: barPlot({
          title: `Business transactions, ${CONNECTIONS} connections: median, lowest and highest round`,
          unit: 'tx/s',
          bars: [...rates].map(([label, some]) => {
            const { min, median: value, max } = summarize(some);
            return { label, value, low: min, high: max };
          }),
        }),
      },
    ],
    rounds: table(
      ['way', ...of('without').map((_, index) => `round ${index + 1}`)],
      [...rates].map(([name, some]) => [name, ...some.map((rate) => rate.toFixed(0))]),
    ),
    method: METHOD,
  };
}

const TABLES = [
  'create table orders (id text primary key, note text not null)',
  'create table line (order_id text not null references orders, sku text not null)',
  'create table account (id int primary key, total bigint not null)',
  `insert into account select n, 0 from generate_series(0, ${ACCOUNTS - 1}) n`,
  `create table ordinary_outbox (id bigserial primary key, event_id uuid not null, topic text not null, key text not null,
     type text not null, headers text not null, payload text not null, created_at timestamptz not null default now())`,
];

const METHOD = `${CONNECTIONS} connections of one Node process each run one transaction after the other for ${SECONDS} s: an order, two lines, an account's total; the same
with \`outbox.transaction\` and one event of 300 B. "Without" uses the kit's connection, whose transactions begin together with their first
statement; "plain Kysely" begins them in a round trip of their own. "Ordinary outbox table" is the kit's connection with one INSERT of the same
event into a table with a serial key, without the order of keys, sizes, limits and partitions that the outbox gives. fsync and synchronous_commit are on; no relay runs.`;
