import { withTransaction } from '@convergekit/postgres';
import { systemClock, systemRandom } from '@convergekit/core';
import type { StackServer } from '@convergekit/testing/engine';
import type { World } from '../world.ts';

/** SIGKILL to the relay of orders that leads; says which one it was. */
export async function killActiveRelay(world: World): Promise<string> {
  const { rows } = await world.databases.orders.executor.query<{ holder: string }>(
    `select holder from converge.lease where name = 'relay'`,
  );
  const holder = rows[0]?.holder ?? '';
  const relays = [world.child('relay-orders-a'), world.child('relay-orders-b')];
  // The holder's name carries the process id.
  const active = relays.find(({ pid }) => pid !== undefined && new RegExp(`\\b${pid}\\b`).test(holder));
  if (active === undefined) throw new Error(`no relay of ours holds the lease: ${holder}`);
  active.kill();
  return active.spec.name;
}

export function killConsumer(world: World): string {
  const consumer = world.child('inventory');
  consumer.kill();
  return consumer.spec.name;
}

/** SIGKILL to the broker, then the same broker on the same data. */
export async function restartBroker(kafka: StackServer): Promise<string> {
  await kafka.kill();
  await kafka.start();
  return kafka.address;
}

export async function behaveAs(world: World, behaviour: { mode: string; every?: number }): Promise<string> {
  const response = await fetch(new URL('/admin/behaviour', world.providerUrl), {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(behaviour),
  });
  if (!response.ok) throw new Error(`the provider refused: ${await response.text()}`);
  return behaviour.mode;
}

/**
 * Changes a counter and books goods of a shipped order back as held, like a bad script or a restored table. The shop's
 * own writers run at the same time, so a deadlock repeats it. Returns the number of keys that drift.
 */
export function injectDrift(world: World): Promise<number> {
  const rerun = { clock: systemClock, random: systemRandom, attempts: 10 };
  return withTransaction(world.databases.inventory, rerun, async (tx) => {
    const counters = await tx.query(`update stock set reserved = reserved + 3 where sku in ('cup', 'tray')`);
    const held = await tx.query(`
      with picked as (
        select order_id, sku, quantity from reservation where state = 'shipped' order by changed_at limit 1),
      booked as (
        update reservation r set state = 'held' from picked p where r.order_id = p.order_id and r.sku = p.sku
        returning r.order_id)
      update stock s set reserved = s.reserved + p.quantity, shipped = s.shipped - p.quantity, version = s.version + 1
      from picked p where s.sku = p.sku and exists (select from booked)`);
    return counters.rowCount + held.rowCount;
  });
}
