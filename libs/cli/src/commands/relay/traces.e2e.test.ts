import { randomBytes } from 'node:crypto';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterEach, expect, inject, it } from 'vitest';
import { cli } from '../../fixture/cli.ts';
import { allMigrations } from '../../../../operate/src/all-migrations.ts';
import { interrupt, killLeftovers, startCli } from '../../fixture/cli-process.ts';
import { headerOf, recordsOf } from '../../fixture/topic-records.ts';
import { traceCollector } from '../../fixture/trace-collector.ts';

afterEach(killLeftovers);

it('S60: a send is a producer span linked to the events of its batch, whose own context travels unchanged', async () => {
  const { brokers, databaseUrl } = inject('stack');
  const topic = `cli.traces.${randomBytes(4).toString('hex')}`;
  const { url, database } = await migratedDatabase(databaseUrl, allMigrations, { prefix: 'cli' });
  const env = { DATABASE_URL: url, KAFKA_BROKERS: brokers };
  await cli(['topics', 'create', topic, '--partitions', '1'], env);
  const traceId = randomBytes(16).toString('hex');
  const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;
  await database.executor.query(
    // The rows have the form that a traced process writes: emit from SQL has no context.
    `insert into converge.outbox (event_id, topic, key, type, headers, payload)
     select gen_random_uuid(), $1, 'k' || n, 'cli.thing', $2, '{"n":1}' from generate_series(1, 100) n`,
    [topic, JSON.stringify({ traceparent })],
  );
  const collector = await traceCollector();
  // A process of its own: OpenTelemetry reads the endpoint from the environment of the process.
  const relay = startCli(['relay'], { ...env, ...collector.env });
  const span = await waitUntil(() => collector.spans().find(({ name }) => name === `send ${topic}`), {
    what: 'the span of the send',
  });
  const records = await recordsOf(brokers, topic);
  interrupt(relay);
  expect(await relay.ended).toMatchObject({ code: 0 });
  collector.close();
  await database.close();

  expect(span.kind).toBe(4);
  const attributes = Object.fromEntries(
    span.attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]),
  );
  expect(attributes).toMatchObject({
    'messaging.system.name': 'kafka',
    'messaging.operation.name': 'send',
    'messaging.destination.name': topic,
    'messaging.destination.partition.id': '0',
    'messaging.batch.message_count': 100,
  });
  // A hundred events, and a bounded number of links.
  expect(span.links).toHaveLength(32);
  expect(span.links?.[0]).toMatchObject({ traceId, spanId: '00f067aa0ba902b7' });
  expect(new Set(records.map((record) => headerOf(record, 'traceparent')))).toEqual(new Set([traceparent]));
});
