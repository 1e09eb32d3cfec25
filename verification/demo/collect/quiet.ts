import type { Executors } from './sql-dump.ts';
import { type Source, sources } from '../process/specs.ts';

/** What still has to happen before the shop is at rest, in words; undefined when it is. */
export async function restless(databases: Executors, drifted: number): Promise<string | undefined> {
  const open = await count(databases, 'orders', `select count(*) as n from orders where state = 'placed'`);
  if (open > 0) return `${open} orders are open`;
  const held = await count(
    databases,
    'inventory',
    `select count(*) as n from reservation where state = 'held'`,
  );
  if (held > 0) return `${held} reservations are held`;
  for (const source of sources) {
    const steps = await count(databases, source, openSql);
    if (steps > 0) return `${steps} steps of ${source} are open`;
  }
  const refunds = await count(databases, 'payments', refundsSql);
  if (refunds > 0) return `${refunds} refunds are not in the books yet`;
  const repaired = await count(databases, 'inventory', 'select count(*) as n from converge.reconcile_audit');
  if (repaired < drifted) return `${drifted - repaired} keys have drifted`;
  for (const source of sources) {
    const unsent = await count(databases, source, unsentSql);
    if (unsent > 0) return `${unsent} events of ${source} are not settled`;
  }
  return undefined;
}

const openSql = `
  select count(*) as n from converge.saga_fence where state in ('started', 'unknown', 'undo_pending')`;

const refundsSql = `
  select count(*) as n from payment p join converge.saga_fence f on f.key = p.order_id::text and f.step = 'pay'
   where p.state = 'taken' and f.state = 'undone'`;

/** Rows that the last settled tick does not see yet. */
const unsentSql = `
  select count(*) as n from converge.outbox
  where not pg_visible_in_snapshot(xid, (
    select snapshot from converge.tick where number = (select done_tick from converge.relay_source)))`;

async function count(databases: Executors, name: Source, text: string): Promise<number> {
  const { rows } = await databases[name].executor.query<{ n: string }>(text);
  return Number(rows[0]?.n);
}
