import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DatabaseSetup } from 'pg-transactional-outbox';
import { Child } from '../measure/child.ts';
import { dropSlot, openSource, PAYLOAD_SQL, type Shape, type Side, slotOf, withClient } from './side.ts';

const LISTENER = fileURLToPath(new URL('./pg-transactional-outbox-listener.ts', import.meta.url));

export type Listener = 'replication' | 'polling';

/**
 * pg-transactional-outbox with either of its listeners and its own tables. Each event is published by one kafkajs send
 * with acks=-1. The key is used as its `segment`, so that keys run in parallel and each in order.
 */
export function pgTransactionalOutbox(listener: Listener): Side {
  const name = `pg-transactional-outbox (${listener})`;
  return {
    name,
    // The polling listener looks through the whole backlog for each batch.
    mostRows: listener === 'replication' ? 5_000 : 1_000,
    deadlineMs: 60_000,
    open: (place) => {
      const shape: Shape = {
        prefix: `pgto_${listener}`,
        table: 'public.outbox',
        prepare: async (databaseUrl) => {
          await withClient(databaseUrl, async (client) => {
            for (const statement of setUp(listener, databaseUrl)) await client.query(statement);
          });
        },
        insertRows: `
          insert into outbox (id, aggregate_type, aggregate_id, message_type, segment, payload)
          select gen_random_uuid(), $1, 'key-' || (n % 1000), 'bench.event', 'key-' || (n % 1000), (${PAYLOAD_SQL})::jsonb
            from generate_series($2::bigint, $3::bigint) n`,
        insertOne: `
          insert into outbox (id, aggregate_type, aggregate_id, message_type, segment, payload)
          values (gen_random_uuid(), $1, $2, 'bench.event', $2, $3::jsonb)`,
        start: (databaseUrl) =>
          new Child({
            name,
            command: process.execPath,
            args: [LISTENER, listener, databaseUrl, place.brokers, slotOf(databaseUrl)],
            env: { NODE_OPTIONS: '' },
            logFile: join(place.folder, `pg-transactional-outbox-${listener}.log`),
          }),
      };
      const release = (databaseUrl: string): Promise<void> => dropSlot(databaseUrl, slotOf(databaseUrl));
      return openSource(place, listener === 'replication' ? { ...shape, release } : shape);
    },
  };
}

function setUp(listener: Listener, databaseUrl: string): string[] {
  const shared = {
    outboxOrInbox: 'outbox' as const,
    database: slotOf(databaseUrl),
    schema: 'public',
    table: 'outbox',
    listenerRole: 'postgres',
  };
  const table = DatabaseSetup.dropAndCreateTable(shared);
  if (listener === 'polling') {
    const polling = { ...shared, nextMessagesName: 'next_outbox_messages' };
    return [table, DatabaseSetup.createPollingFunction(polling), DatabaseSetup.setupPollingIndexes(polling)];
  }
  const slot = slotOf(databaseUrl);
  return [
    table,
    `create publication ${slot} for table public.outbox with (publish = 'insert')`,
    `select pg_create_logical_replication_slot('${slot}', 'pgoutput')`,
  ];
}
