import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type JavaJars, javaJars, startJava, writeProperties } from '../../java.ts';
import type { Child } from '../measure/child.ts';
import {
  CORRELATION_SQL,
  dropSlot,
  openSource,
  PAYLOAD_SQL,
  type Place,
  type Side,
  slotOf,
  TRACEPARENT_SQL,
  withClient,
} from './side.ts';

const POM = fileURLToPath(new URL('../debezium/pom.xml', import.meta.url));

/** Schema and content type, the same for all events of the type. */
const CONSTANT_SQL = `'urn:converge:bench.event:1', 'application/json'`;

/** The columns for headers that an emit stores; the router puts them into headers, as it does with the id. */
const HEADER_COLUMNS = [
  'type:header:ce_type',
  'dataschema:header:ce_dataschema',
  'contenttype:header:content-type',
  'correlationid:header:ce_correlationid',
  'traceparent:header:traceparent',
].join(',');

/** The flags of Kafka's own connect-standalone.sh. */
const JVM = [
  '-server',
  '-Xms256M',
  '-Xmx2G',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
];

/**
 * Kafka Connect, standalone, with Debezium's Postgres connector and outbox event router, set up as documented. Settings
 * that are no defaults favour Debezium: `poll.interval.ms` 5 for latency, no statistics metrics (their queue overflows
 * in a drain and slows it), plain text through the string converters. Batches and queues larger than the default slowed
 * its drain here. The slot is made before the rows, so a backlog lies in the WAL. Rejects with what to install when Java or
 * Maven is missing.
 */
export async function debezium(say: (line: string) => void): Promise<Side> {
  const what = 'Kafka Connect and Debezium';
  const directory = '.converge/debezium-jars';
  const jars = await javaJars({ pom: POM, directory, what, megabytes: 60, log: say });
  return {
    name: 'Debezium',
    mostRows: Number.MAX_SAFE_INTEGER,
    deadlineMs: 240_000,
    open: (place) =>
      openSource(place, {
        prefix: 'debezium',
        table: 'outbox',
        prepare: async (databaseUrl) => {
          const slot = slotOf(databaseUrl);
          await withClient(databaseUrl, async (client) => {
            await client.query(`
              create table outbox (
                id uuid primary key default gen_random_uuid(), aggregatetype text not null, aggregateid text not null,
                type text not null, payload text not null, dataschema text not null, contenttype text not null,
                correlationid text not null, traceparent text)`);
            await client.query(`create publication ${slot} for table outbox`);
            await client.query(`select pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
          });
        },
        insertRows: `
          insert into outbox (aggregatetype, aggregateid, type, payload, dataschema, contenttype, correlationid, traceparent)
          select $1, 'key-' || (n % 1000), 'bench.event', ${PAYLOAD_SQL}, ${CONSTANT_SQL}, ${CORRELATION_SQL}, ${TRACEPARENT_SQL}
            from generate_series($2::bigint, $3::bigint) n`,
        // The insert resembles `converge.emit` in SQL: no request, so no trace context.
        insertOne: `
          insert into outbox (aggregatetype, aggregateid, type, payload, dataschema, contenttype, correlationid)
          values ($1, $2, 'bench.event', $3, ${CONSTANT_SQL}, ${CORRELATION_SQL})`,
        start: (databaseUrl) => startConnect(place, databaseUrl, jars),
        release: (databaseUrl) => dropSlot(databaseUrl, slotOf(databaseUrl)),
      }),
  };
}

function startConnect(place: Place, databaseUrl: string, jars: JavaJars): Child {
  const name = slotOf(databaseUrl);
  const offsets = join(place.folder, `${name}-offsets`);
  rmSync(offsets, { force: true });
  const file = (what: string, settings: Readonly<Record<string, string>>): string =>
    writeProperties(join(place.folder, `${name}-${what}.properties`), settings);
  const worker = file('worker', workerSettings(place.brokers, offsets));
  const connector = file('connector', connectorSettings(databaseUrl, name));
  return startJava({
    name: 'Debezium',
    jars,
    jvm: JVM,
    logFile: join(place.folder, 'debezium.log'),
    args: ['org.apache.kafka.connect.cli.ConnectStandalone', worker, connector],
  });
}

function workerSettings(brokers: string, offsets: string): Record<string, string> {
  return {
    'bootstrap.servers': brokers,
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'offset.storage.file.filename': offsets,
    'plugin.discovery': 'service_load', // only a faster start
    listeners: 'http://127.0.0.1:0',
    'topic.creation.enable': 'false',
  };
}

function connectorSettings(databaseUrl: string, name: string): Record<string, string> {
  const { hostname, port, username, password } = new URL(databaseUrl);
  return {
    name,
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'tasks.max': '1',
    'plugin.name': 'pgoutput',
    'database.hostname': hostname,
    'database.port': port === '' ? '5432' : port,
    'database.user': decodeURIComponent(username),
    'database.password': password === '' ? 'none' : decodeURIComponent(password),
    'database.dbname': name,
    'topic.prefix': name,
    'table.include.list': 'public.outbox',
    'publication.name': name,
    'publication.autocreate.mode': 'disabled',
    'slot.name': name,
    'snapshot.mode': 'no_data',
    'poll.interval.ms': '5',
    'statistics.metrics.enabled': 'false',
    'tombstones.on.delete': 'false',
    transforms: 'outbox',
    'transforms.outbox.type': 'io.debezium.transforms.outbox.EventRouter',
    'transforms.outbox.route.topic.replacement': '${routedByValue}',
    'transforms.outbox.table.fields.additional.placement': HEADER_COLUMNS,
  };
}
