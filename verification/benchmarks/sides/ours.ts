import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as kafka from '@converge/kafka';
import { ensureChildren, outboxMigrations } from '@converge/outbox';
import { connect, type Executor, migrate } from '@converge/postgres';
import { relayMigrations } from '@converge/relay';
import type { Client } from 'pg';
import { startChild } from '../measure/child.ts';
import { openSource, PAYLOAD_SQL, type Side } from './side.ts';

const MAIN = fileURLToPath(new URL('../../../services/relay/src/main.ts', import.meta.url));

export type OpenBroker = (options: { brokers: string[]; clientId: string }) => kafka.Broker;

/** The drivers that this build has, the preferred one first. */
export function drivers(): ReadonlyMap<string, OpenBroker> {
  const exported: Record<string, unknown> = { ...kafka };
  const found = ['platformatic', 'kafkajs'].flatMap((name) => {
    const open = exported[`${name}Broker`];
    return typeof open === 'function' ? [[name, open as OpenBroker] as const] : [];
  });
  return new Map(found);
}

/** The relay as users run it: its own process, configured by the environment alone, everything else default. */
export function ours(driver: string): Side {
  const name = `relay (${driver})`;
  // A build with one driver has no setting to choose it by.
  const choice: Record<string, string> = drivers().size > 1 ? { CONVERGE__KAFKA__DRIVER: driver } : {};
  return {
    name,
    mostRows: Number.MAX_SAFE_INTEGER,
    open: (place) =>
      openSource(place, {
        prefix: driver,
        table: 'converge.outbox',
        prepare: migrateSource,
        insertRows: `
          insert into converge.outbox (event_id, topic, key, type, headers, payload)
          select gen_random_uuid(), $1, 'key-' || (n % 1000), 'bench.event', '{"content-type":"application/json"}', ${PAYLOAD_SQL}
            from generate_series($2::bigint, $3::bigint) n`,
        insertOne: `select converge.emit($1, $2, 'bench.event', $3)`,
        during: (client) => ensureChildren(executor(client)),
        start: (databaseUrl) =>
          startChild({
            name,
            command: process.execPath,
            args: ['--conditions=source', MAIN],
            env: {
              ...choice,
              DATABASE_URL: databaseUrl,
              KAFKA_BROKERS: place.brokers,
              CONVERGE__HEALTH__PORT: '0',
              LOG_LEVEL: 'warn',
              NODE_OPTIONS: '',
              OTEL_SDK_DISABLED: 'true',
            },
            logFile: join(place.folder, `relay-${driver}.log`),
          }),
      }),
  };
}

async function migrateSource(url: string): Promise<void> {
  const database = connect({ url, applicationName: 'bench' });
  try {
    await migrate(database, [outboxMigrations, relayMigrations]);
  } finally {
    await database.close();
  }
}

function executor(client: Client): Executor {
  return {
    query: async <R>(
      text: string,
      values: readonly unknown[] = [],
    ): Promise<{ rows: R[]; rowCount: number }> => {
      const { rows, rowCount } = await client.query(text, [...values]);
      return { rows: rows as R[], rowCount: rowCount ?? 0 };
    },
  };
}
