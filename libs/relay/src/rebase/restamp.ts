import { randomBytes } from 'node:crypto';
import { partitionOf } from '@convergekit/broker/engine';
import type { Executor } from '@convergekit/postgres';
import { firstToSee } from '../window/tick.ts';
import { readTicks } from '../window/window-sql.ts';
import { MAX_ID, type RebasePlan } from './plan.ts';

/**
 * Replaces transaction ids after tables were loaded into another cluster, where they have no meaning. New events have
 * lower ids than old snapshots, and would count as seen. Writers are locked out: rows that the log holds get xid 2 (old
 * for every snapshot) and rows to be sent get 3; a tick with tick 0's snapshot, in which nothing from 3 on is visible,
 * separates them. Every window before that tick is closed.
 */
export async function restamp(
  tx: Executor,
  plan: RebasePlan,
  { latestTick, low, term }: { readonly latestTick: bigint; readonly low: bigint; readonly term: bigint },
): Promise<RebasePlan> {
  // Blocks writers, and waits for those that are at work: all rows are committed then.
  await tx.query("set local lock_timeout = '30s'");
  await tx.query('lock table converge.outbox in share row exclusive mode');
  const waiting = await waitingIds(tx, plan, low);
  await tx.query(
    `update converge.outbox set xid = case when id = any ($1::bigint[]) then '3'::xid8 else '2'::xid8 end`,
    [waiting],
  );
  const base = latestTick + 1n;
  await tx.query(
    `insert into converge.tick (number, snapshot, own, floor, ceil, nonce, epoch, term)
     values ($1::bigint, '3:3:', '3', 0, 0, $2, $3, $4::bigint)`,
    [base.toString(), randomBytes(8).toString('hex'), plan.epoch, term.toString()],
  );
  await tx.query('update converge.relay_topic set held_at = $1::bigint + 1 where held_at is not null', [
    base.toString(),
  ]);
  const passed = { tick: base, id: MAX_ID };
  const partitions = plan.partitions.map((partition) => ({ ...partition, passed }));
  return { ...plan, doneTick: base, partitions };
}

interface Row {
  readonly id: string;
  readonly xid: string;
  readonly topic: string;
  readonly key: string;
}

/** Ids of the rows that the log does not hold. Ids above the fork's `ceil` were drawn after it, whatever their xid says. */
async function waitingIds(tx: Executor, plan: RebasePlan, low: bigint): Promise<string[]> {
  const ticks = await readTicks(tx, low, Number(plan.forkedTick - low + 1n));
  const [first] = ticks;
  const fork = ticks.at(-1);
  if (first?.number !== low || fork === undefined) throw new Error(`tick ${low} is missing in converge.tick`);
  const { rows } = await tx.query<Row>(
    `select id::text, xid::text, topic, key from converge.outbox
      where id > $1::bigint or not pg_visible_in_snapshot(xid, $2::pg_snapshot)`,
    [fork.ceil.toString(), first.snapshot.text],
  );
  const passed = new Map(
    plan.partitions.map((one) => [`${one.cursor.topic}/${one.cursor.partition}`, one.passed]),
  );
  const counts = Map.groupBy(plan.partitions, ({ cursor }) => cursor.topic);
  return rows.filter((row) => !isSent(row)).map(({ id }) => id);

  function isSent({ id, xid, topic, key }: Row): boolean {
    if (fork === undefined || BigInt(id) > fork.ceil) return false;
    const tick = firstToSee(ticks, BigInt(xid))?.number;
    const partitions = counts.get(topic)?.length;
    if (tick === undefined || partitions === undefined) return false;
    const at = passed.get(`${topic}/${partitionOf(key, partitions)}`);
    return at !== undefined && (tick < at.tick || (tick === at.tick && BigInt(id) <= at.id));
  }
}
