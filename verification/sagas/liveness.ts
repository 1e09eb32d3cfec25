import type { Clock } from '@convergekit/core';
import { endOf, runsOf } from '../checker/sagas/ends.ts';
import type { EventRow } from '../checker/sagas/facts.ts';
import { dumpFences } from './collect.ts';
import { shapes } from './shapes.ts';
import type { World } from './world.ts';

/** Rows behind the last acknowledged tick. */
const unsentSql = `
  select count(*)::int as n from converge.outbox
   where not pg_visible_in_snapshot(xid, coalesce(
     (select snapshot from converge.tick where number = (select done_tick from converge.relay_source)), '1:1:'))`;

const startSql = `select event_id::text as "eventId", type from converge.outbox where type = any($1)`;

/** The work that is still open, in words; undefined when everything has ended. */
export async function restless(world: World): Promise<string | undefined> {
  const starts: EventRow[] = [];
  for (const [source, { executor }] of world.sources) {
    const { rows } = await executor.query<Pick<EventRow, 'eventId' | 'type'>>(startSql, [
      shapes.map(({ start }) => start),
    ]);
    starts.push(...rows.map((row) => ({ ...row, source, saga: null })));
  }
  const ends = Map.groupBy(runsOf(shapes, starts, await dumpFences(world)), endOf);
  const open = ends.get('open')?.length ?? 0;
  if (open > 0) return `${open} of ${starts.length} sagas are open`;
  const stuck = ends.get('stuck') ?? [];
  const pending = await unreported(world, stuck.length);
  if (pending !== undefined) return pending;
  for (const [source, { executor }] of world.sources) {
    const { rows } = await executor.query<{ n: number }>(unsentSql);
    if ((rows[0]?.n ?? 0) > 0) return `${rows[0]?.n} events of ${source} are not acknowledged`;
  }
  return undefined;
}

/** Ended sagas whose end is not yet in orders, transfers, stock or payments, in words. */
async function unreported({ shop, banks }: World, stuck: number): Promise<string | undefined> {
  const count = async (text: string, of: World['shop']['databases']['orders']): Promise<number> =>
    (await of.executor.query<{ n: number }>(text)).rows[0]?.n ?? 0;
  const placed = await count(
    `select count(*)::int as n from orders where state = 'placed'`,
    shop.databases.orders,
  );
  const requested = await count(
    `select count(*)::int as n from transfer where state = 'requested'`,
    banks.databases.giro,
  );
  if (placed + requested > stuck)
    return `${placed} orders and ${requested} transfers are open, ${stuck} stuck`;
  const held = await count(
    `select count(distinct order_id)::int as n from reservation where state = 'held'`,
    shop.databases.inventory,
  );
  if (held > stuck) return `${held} orders still hold stock, ${stuck} are stuck`;
  const refunds = await count(
    `select count(*)::int as n from payment p join converge.saga_fence f on f.key = p.order_id::text and f.step = 'pay'
      where p.state = 'taken' and f.state = 'undone'`,
    shop.databases.payments,
  );
  return refunds > 0 ? `${refunds} refunds are not in the books yet` : undefined;
}

/** Waits until all is at rest; says what is not when the time is over. */
export async function untilAtRest(
  world: World,
  {
    clock,
    signal,
    deadlineMs,
    onWait,
  }: {
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly deadlineMs: number;
    readonly onWait: (what: string) => void;
  },
): Promise<string | undefined> {
  const end = clock.monotonic() + deadlineMs;
  for (;;) {
    signal.throwIfAborted();
    const still = await restless(world);
    if (still === undefined || clock.monotonic() > end) return still;
    onWait(still);
    await clock.sleep(1_000, signal);
  }
}
