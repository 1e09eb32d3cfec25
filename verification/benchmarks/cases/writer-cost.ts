import { defineEvent } from '@convergekit/contracts';
import { createOutbox, outboxMigrations } from '@convergekit/outbox';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { systemClock } from '@convergekit/core';
import { freshDatabase } from '@convergekit/testing';
import { randomUUID } from 'node:crypto';
import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import { z } from 'zod';
import type { Case, CaseResult } from '../case.ts';
import { compared } from '../measure/compare.ts';
import { race, type Series } from '../measure/series.ts';
import type { Bar, Figure } from '../report/figure.ts';
import { count, table } from '../report/markdown.ts';
import { roundsPlot } from '../report/plots.ts';

const CONNECTIONS = 16;
const ACCOUNTS = 10_000;
const SECONDS = 5;
const WITH = 'with outbox';
const WITHOUT = 'without';
const PLAIN = 'without, plain Kysely';
const ORDINARY = 'ordinary outbox table';
const NOTE = 'x'.repeat(230);

const orderPlaced = defineEvent('bench.order.placed', {
  version: 1,
  topic: 'bench.orders',
  key: (data) => data.orderId,
  data: z.object({ orderId: z.string(), note: z.string() }),
});

const outbox = createOutbox([orderPlaced]);

type Transact = (id: string) => Promise<unknown>;

function waysOf({ db, pool }: Database): Readonly<Record<string, Transact>> {
  // In its usual set-up on the same pool: BEGIN is a separate round trip.
  const plain = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  return {
    [PLAIN]: (id) => plain.transaction().execute((tx) => business(tx, id)),
    [WITHOUT]: (id) => db.transaction().execute((tx) => business(tx, id)),
    [WITH]: (id) =>
      outbox.transaction(db, async ({ tx, emit }) => {
        await business(tx, id);
        emit(orderPlaced({ orderId: id, note: NOTE }));
      }),
    [ORDINARY]: (id) =>
      db.transaction().execute(async (tx) => {
        await business(tx, id);
        await ordinaryEmit(tx, id);
      }),
  };
}

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
      const ways = Object.entries(waysOf(database));
      for (const [, transact] of ways) await rateOf(transact, 2);
      const series = await race<(typeof ways)[number], number>({
        allMustHold: true,
        name: 'writer',
        sides: ways,
        nameOf: ([name]) => name,
        rounds: settings.rounds,
        say,
        measure: async ([, transact]) => {
          await database.executor.query('checkpoint');
          return rateOf(transact, SECONDS);
        },
        line: (rate) => `${rate.toFixed(0)} tx/s`,
      });
      return resultOf(series);
    } finally {
      await closed();
    }
  },
};

async function rateOf(transact: Transact, seconds: number): Promise<number> {
  const start = systemClock.monotonic();
  const end = start + seconds * 1000;
  let done = 0;
  const loop = async (worker: number): Promise<void> => {
    for (let n = 0; systemClock.monotonic() < end; n += 1) {
      await transact(`${start}-${worker}-${n}`);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, worker) => loop(worker)));
  return (done / (systemClock.monotonic() - start)) * 1000;
}

function resultOf(series: Series<number>): CaseResult {
  const against = (name: string, bar: Bar, rival: string): Figure =>
    compared(series, { name, bar, ours: WITH, rival, read: (rate) => rate, unit: 'tx/s' });
  const withOutbox = `transactions/s with outbox / without, ${CONNECTIONS} connections`;
  const floor = 'the same against one INSERT into an ordinary outbox table, the floor of any outbox';
  return {
    figures: [
      against(withOutbox, { kind: 'at least', ratio: 0.75 }, WITHOUT),
      against('the same against Kysely on a plain pool, as before the kit', { kind: 'report' }, PLAIN),
      against(floor, { kind: 'at least', ratio: 0.9 }, ORDINARY),
    ],
    plots: [
      roundsPlot(
        { name: 'writer', title: `Business transactions, ${CONNECTIONS} connections`, unit: 'tx/s' },
        series.sides.map((label) => ({ label, values: series.of(label) })),
      ),
    ],
    rounds: table(
      ['way', 'round', 'transactions/s'],
      series.rows((one) => [count(one)]),
    ),
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
