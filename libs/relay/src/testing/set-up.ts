import { randomBytes } from 'node:crypto';
import type { Broker } from '@converge/kafka';
import { outboxMigrations } from '@converge/outbox';
import { connect, type Database, migrate } from '@converge/postgres';
import { freshDatabase, waitUntil } from '@converge/testing';
import { relayMigrations } from '../migrations.ts';
import { ledgerSql } from './writers.ts';

/** A database of its own with the tables of outbox and relay, and the ledger of the writers. */
export async function relayDatabase(serverUrl: string): Promise<{ url: string; database: Database }> {
  const url = await freshDatabase(serverUrl, 'relay');
  const database = connect({ url, max: 40 });
  await migrate(database, [outboxMigrations, relayMigrations]);
  await database.executor.query(ledgerSql);
  return { url, database };
}

export function topicName(): string {
  return `relay.${randomBytes(6).toString('hex')}`;
}

export async function createTopic(broker: Broker, name: string, partitions: number): Promise<string> {
  const admin = await broker.admin();
  await admin.createTopic({ name, partitions });
  await admin.close();
  return name;
}

/** Writes `count` events of keys k0..k299 in one statement; `n` counts per key as the writers do. */
export async function writeMany(database: Database, topic: string, count: number): Promise<void> {
  await database.executor.query(
    `with counted as (update ledger set n = n + $2::int / 300 returning key, n - $2::int / 300 as base)
     insert into converge.outbox (event_id, topic, key, type, headers, payload)
     select gen_random_uuid(), $1, key, 'test.event', '{}', json_build_object('key', key, 'n', base + r)::text
       from counted, generate_series(1, $2::int / 300) r order by r, key`,
    [topic, count],
  );
}

/** Until every event of the topic is below done_tick: the cursors are saved, too. */
export async function untilDrained(database: Database, deadlineMs = 60_000): Promise<void> {
  await waitUntil(
    async () => {
      const { rows } = await database.executor.query<{ waiting: string }>(
        `select count(*)::text as waiting from converge.outbox
          where not exists (select from converge.tick t, converge.relay_source s
                             where t.number = s.done_tick and pg_visible_in_snapshot(outbox.xid, t.snapshot))`,
      );
      return rows[0]?.waiting === '0';
    },
    { what: 'every event to be published and settled', deadlineMs, everyMs: 50 },
  );
}
