import { waitUntil } from '@convergekit/testing';
import type { World } from '../case.ts';
import { withSource } from '../measure/drain-once.ts';
import { PAYLOAD_SQL, withClient } from '../sides/side.ts';
import { type Backlog, type Consumed, openSite, watch } from './consume-once.ts';
import { SUSPECT } from './converge.ts';

/** The time until a consumer has parked the line, in milliseconds. */
const PARKING_MS = 240_000;
const TRANSACTION = 1_000;
const EMIT = `select converge.emit($1, $2, 'bench.event', ${PAYLOAD_SQL}) from generate_series($3::bigint, $4::bigint) n`;

/** Writes rows 0..rows-1 of one key, through the outbox and the relay. */
export function withLine<T>(world: World, rows: number, work: (line: Backlog) => Promise<T>): Promise<T> {
  const [side] = world.sides.ours;
  return withSource(world, side, async ({ databaseUrl, log, start }) => {
    await withClient(databaseUrl, async (client) => {
      for (let at = 0; at < rows; at += TRANSACTION)
        await client.query(EMIT, [log.topic, SUSPECT, at, Math.min(at + TRANSACTION, rows) - 1]);
    });
    const relay = start();
    await log.watch(rows, { deadlineMs: side.deadlineMs, look: () => relay.assertAlive() });
    await relay.stop();
    return work({ topic: log.topic, rows });
  });
}

/** Has one consumer park the whole line, then repairs its handler, and measures until the line is released. */
export async function releaseOnce(world: World, { topic, rows }: Backlog): Promise<Consumed> {
  const site = await openSite(world, topic, 'converge-failing');
  try {
    return await withClient(site.orders.databaseUrl, async (client) => {
      const count = async (sql: string): Promise<number> =>
        Number((await client.query<{ count: string }>(sql)).rows[0]?.count);
      await client.query('insert into fault values ($1)', [SUSPECT]);
      const child = site.start();
      await waitUntil(
        async () => {
          child.assertAlive();
          return (await count('select count(*) from converge.parked')) >= rows;
        },
        { what: `${rows} parked events`, deadlineMs: PARKING_MS, everyMs: 200 },
      );
      await client.query('delete from fault');
      const measured = await watch(client, child, rows);
      const left = async (): Promise<boolean> =>
        (await count('select count(*) from converge.parked_key')) === 0;
      await waitUntil(left, { what: 'the release of the line' });
      const misplaced = await count(
        'select count(*) from (select n, row_number() over (order by line) - 1 as place from effect) e where n <> place',
      );
      if (misplaced > 0) throw new Error(`${misplaced} events of the line were not applied in its order`);
      await child.stop();
      return { ...measured, rows };
    });
  } finally {
    await site.remove();
  }
}
