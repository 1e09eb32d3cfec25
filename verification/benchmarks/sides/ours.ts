import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DriverName, driverNames, kafkaBroker } from '@convergekit/kafka';
import { ensureChildren } from '@convergekit/outbox/engine';
import { outboxMigrations } from '@convergekit/outbox';
import { migrate } from '@convergekit/postgres';
import { executorOfClient } from '@convergekit/postgres/engine';
import { relayMigrations } from '@convergekit/relay';
import { run } from '../../programs.ts';
import { withDatabase } from '../../with-database.ts';
import { Child } from '../measure/child.ts';
import { logEnvironment } from '../measure/open-log.ts';
import { CORRELATION_SQL, openSource, PAYLOAD_SQL, type Side, TRACEPARENT_SQL } from './side.ts';

const EMIT = fileURLToPath(new URL('./emit-rows.ts', import.meta.url));
const MAIN = fileURLToPath(new URL('../../../services/relay/src/main.ts', import.meta.url));

/** The text that an emit in a traced request stores. */
const HEADERS_SQL = `'{"traceparent":"' || ${TRACEPARENT_SQL} || '","ce_dataschema":"urn:converge:bench.event:1",'
  || '"content-type":"application/json","ce_correlationid":"' || ${CORRELATION_SQL} || '"}'`;

/** The drivers of this build, the default one first. */
export function drivers(): readonly DriverName[] {
  const { driver } = kafkaBroker({ brokers: ['127.0.0.1:1'], clientId: 'bench' });
  return [...driverNames].sort((a, b) => Number(b === driver) - Number(a === driver));
}

/** The relay as users run it: a separate process with default settings, configured by the environment. */
export function ours(driver: DriverName): Side {
  const name = `relay (${driver})`;
  return {
    name,
    mostRows: Number.MAX_SAFE_INTEGER,
    deadlineMs: 240_000,
    open: (place) =>
      openSource(place, {
        prefix: driver,
        table: 'converge.outbox',
        prepare: migrateSource,
        insertRows: `
          insert into converge.outbox (event_id, topic, key, type, headers, payload)
          select gen_random_uuid(), $1, 'key-' || (n % 1000), 'bench.event', ${HEADERS_SQL}, ${PAYLOAD_SQL}
            from generate_series($2::bigint, $3::bigint) n`,
        emitRows: async (databaseUrl, topic, from, to) => {
          const args = ['--conditions=source', EMIT, databaseUrl, topic, String(from), String(to)];
          await run(process.execPath, args, { env: { ...process.env, NODE_OPTIONS: '' } });
        },
        insertOne: `select converge.emit($1, $2, 'bench.event', $3)`,
        during: (client) => ensureChildren(executorOfClient(client)),
        start: (databaseUrl) =>
          new Child({
            name,
            command: process.execPath,
            args: ['--conditions=source', MAIN],
            env: {
              CONVERGE__KAFKA__DRIVER: driver,
              DATABASE_URL: databaseUrl,
              ...logEnvironment(place.brokers),
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
  await withDatabase({ url, applicationName: 'bench' }, (database) =>
    migrate(database, [outboxMigrations, relayMigrations]),
  );
}
