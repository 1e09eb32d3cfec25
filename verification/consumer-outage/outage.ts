import type { DriverName } from '@convergekit/kafka';
import { systemClock } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { buildWorld, type World } from './world.ts';
import { Writers } from './writers.ts';

export interface OutageOptions {
  /** The duration of Kafka's outage, and of Postgres' outage after it, in milliseconds. */
  readonly downMs: number;
  /** The rate of transactions per second. */
  readonly rate: number;
  readonly driver: DriverName;
  readonly note: (line: string) => void;
}

export interface OutageReport {
  readonly committed: number;
  /** Transactions that failed while Postgres was down. */
  readonly refused: number;
  readonly lost: number;
  readonly twice: number;
  /** Effects of what the outbox does not have. */
  readonly invented: number;
  readonly outOfOrder: number;
  readonly parked: number;
  readonly deadLetters: number;
  /** Milliseconds from the server's return until every event committed by then had its effect. */
  readonly recoveries: Readonly<Record<'kafka' | 'postgres', number>>;
}

/** Stops the broker, then Postgres, while transactions go on; compares the outbox with the effects. */
export async function runOutage({ downMs, rate, driver, note }: OutageOptions): Promise<OutageReport> {
  const undo: (() => Promise<unknown>)[] = [];
  try {
    const world = await buildWorld(driver, (one) => undo.push(one));
    const writers = new Writers(world, rate);
    writers.start();
    undo.push(() => writers.stop());
    await applied(world, 1);
    const recoveries = { kafka: 0, postgres: 0 };
    for (const which of ['kafka', 'postgres'] as const) {
      note(`${which} goes down for ${downMs} ms`);
      // Killed: an orderly stop of Kafka may take longer than the outage.
      await (which === 'kafka' ? world.kafka.kill() : world.postgres.stop());
      await systemClock.sleep(downMs);
      await world[which].start();
      const up = systemClock.monotonic();
      await applied(world, await committed(world));
      recoveries[which] = Math.round(systemClock.monotonic() - up);
      note(`all that was committed has its effect ${recoveries[which]} ms after ${which} came back`);
    }
    await writers.stop();
    const all = await committed(world);
    await applied(world, all);
    return { committed: all, refused: writers.failed, ...(await judge(world)), recoveries };
  } finally {
    for (const one of undo.reverse()) await one();
  }
}

/** True when no event was lost or doubled, and no event was blamed for an outage. */
export function passed(report: OutageReport): boolean {
  const { lost, twice, invented, outOfOrder, parked, deadLetters } = report;
  return [lost, twice, invented, outOfOrder, parked, deadLetters].every((count) => count === 0);
}

async function committed({ orders }: World): Promise<number> {
  const { rows } = await orders.executor.query<{ n: number }>(
    'select count(*)::int as n from converge.outbox',
  );
  return rows[0]?.n ?? 0;
}

async function applied({ stock, consumer }: World, count: number): Promise<void> {
  const sql = 'select count(distinct event_id)::int as n from effect';
  await waitUntil(async () => ((await stock.executor.query<{ n: number }>(sql)).rows[0]?.n ?? 0) >= count, {
    what: `${count} effects; the consumer is ${consumer.status()[0]?.state ?? 'gone'}`,
    deadlineMs: 120_000,
    everyMs: 50,
  });
}

const stockSql = `
  select (select count(*)::int from converge.inbox_attempt where outcome = 'park') as parked,  -- also those that succeeded since
         (select count(*)::int from converge.parked where state <> 'waiting') as "deadLetters",
         (select count(*)::int from (select n <= lag(n) over (partition by key order by line) as back from effect) o
           where back) as "outOfOrder"`;

/** Compares the two databases event by event. */
async function judge({
  orders,
  stock,
}: World): Promise<Omit<OutageReport, 'committed' | 'refused' | 'recoveries'>> {
  const sent = await orders.executor.query<{ id: string }>(
    'select event_id::text as id from converge.outbox',
  );
  const found = await stock.executor.query<{ id: string }>('select event_id as id from effect');
  const ids = new Set(sent.rows.map(({ id }) => id));
  const effects = new Set(found.rows.map(({ id }) => id));
  const { rows } =
    await stock.executor.query<Record<'parked' | 'deadLetters' | 'outOfOrder', number>>(stockSql);
  const [counts] = rows;
  if (counts === undefined) throw new Error('the counts of the consumer are missing');
  return {
    lost: [...ids].filter((id) => !effects.has(id)).length,
    twice: found.rows.length - effects.size,
    invented: [...effects].filter((id) => !ids.has(id)).length,
    ...counts,
  };
}
