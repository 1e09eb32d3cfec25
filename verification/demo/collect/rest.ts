import type { Admin } from '@convergekit/broker';
import type { Clock } from '@convergekit/core';
import { type Source, sources } from '../process/specs.ts';
import { countRepairs } from './repairs-sql.ts';
import type { Executors } from './sql-dump.ts';

/** A sample of the shop's open work. */
export interface Look {
  /** The awaited condition, in words; undefined when the shop has no open work. */
  readonly waitingFor: string | undefined;
  /** The number of open things, of all kinds. */
  readonly open: number;
  /** The number of records that the consumers have passed; it only grows. */
  readonly read: number;
}

/** The result: no open work, or no progress for too long. */
export type Rest =
  { readonly atRest: true; readonly look: Look } | { readonly atRest: false; readonly look: Look };

export interface RestOptions {
  readonly look: () => Promise<Look>;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  readonly signal: AbortSignal;
  /** The time without change before the shop counts as stuck, in milliseconds. */
  readonly noProgressMs: number;
}

/** Waits while there is progress: fewer things open than ever before, or more records read. */
export async function untilRest({ look, clock, signal, noProgressMs }: RestOptions): Promise<Rest> {
  let fewest = Infinity;
  let most = -1;
  let movedAt = clock.monotonic();
  for (;;) {
    signal.throwIfAborted();
    const now = await look();
    if (now.waitingFor === undefined) return { atRest: true, look: now };
    if (now.open < fewest || now.read > most) movedAt = clock.monotonic();
    fewest = Math.min(fewest, now.open);
    most = Math.max(most, now.read);
    if (clock.monotonic() - movedAt > noProgressMs) return { atRest: false, look: now };
    await clock.sleep(200, signal);
  }
}

/** Counts everything that is open in the databases, and what consumers have not read yet. */
export async function lookAtShop(
  databases: Executors,
  admin: Admin,
  topics: readonly string[],
  drifted: number,
): Promise<Look> {
  const counts: [number, string][] = [];
  const ask = async (name: Source, text: string, what: string): Promise<void> => {
    const { rows } = await databases[name].executor.query<{ n: string }>(text);
    counts.push([Number(rows[0]?.n), what]);
  };
  await ask('orders', `select count(*) as n from orders where state = 'placed'`, 'orders are open');
  await ask(
    'inventory',
    `select count(*) as n from reservation where state = 'held'`,
    'reservations are held',
  );
  for (const source of sources) await ask(source, openSql, `steps of ${source} are open`);
  await ask('payments', refundsSql, 'refunds are not in the books yet');
  counts.push([Math.max(0, drifted - (await countRepairs(databases))), 'keys have drifted']);
  for (const source of sources) await ask(source, unsentSql, `events of ${source} are not published`);
  const { read, unread } = await lookAtConsumers(databases, admin, topics);
  counts.push([unread, 'records are not read by a consumer yet']);
  const [first] = counts.filter(([count]) => count > 0);
  return {
    waitingFor: first === undefined ? undefined : first.join(' '),
    open: counts.reduce((sum, [count]) => sum + count, 0),
    read,
  };
}

const openSql = `
  select count(*) as n from converge.saga_fence where state in ('started', 'unknown', 'undo_pending')`;

const refundsSql = `
  select count(*) as n from payment p join converge.saga_fence f on f.key = p.order_id::text and f.step = 'pay'
   where p.state = 'taken' and f.state = 'undone'`;

/** Rows that the last tick whose events are all published does not see yet. */
const unsentSql = `
  select count(*) as n from converge.outbox
  where not pg_visible_in_snapshot(xid, (
    select snapshot from converge.tick where number = (select done_tick from converge.relay_source)))`;

async function lookAtConsumers(
  databases: Executors,
  admin: Admin,
  topics: readonly string[],
): Promise<{ read: number; unread: number }> {
  const ends = new Map<string, number>();
  for (const topic of topics)
    for (const { partition, latest } of await admin.logEnds(topic))
      ends.set(`${topic}/${partition}`, Number(latest));
  let read = 0;
  let unread = 0;
  for (const source of sources) {
    const { rows } = await databases[source].executor.query<{ place: string; next: string }>(
      `select topic || '/' || partition as place, next_offset as next from converge.inbox_partition`,
    );
    for (const { place, next } of rows) {
      read += Number(next);
      unread += Math.max(0, (ends.get(place) ?? 0) - Number(next));
    }
  }
  return { read, unread };
}
