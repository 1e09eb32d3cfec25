import { randomBytes } from 'node:crypto';
import { failureEvent, WIRE } from '@convergekit/contracts/engine';
import { type OutgoingRecord, partitionOf } from '@convergekit/broker/engine';
import { startTelemetry, type Telemetry } from '@convergekit/telemetry/sdk';
import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { consumerRef } from '../define/consumer-ref.ts';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { inPlace } from '../testing/quick.ts';
import { foreignRecord } from '../fixture/foreign-record.ts';
import { sendRecords } from '../testing/fixture-source.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';

/**
 * Tests of records that cannot be recorded unchanged. Planted faults, each seen to fail here: ids without a bound in
 * `decodeEnvelope` (the index refuses the row, and the consumer stops); baggage that is taken from a record;
 * `ce_attemptid` that is no uuid; a type with NUL in a failure event's data; a timestamp of 64 bits. The bounds of a
 * source, a type and a saga are seen in envelope.test alone.
 */

const random = (bytes: number): string => randomBytes(bytes).toString('base64url').slice(0, bytes);

describe('a record that no index, header or failure event can hold as it came', () => {
  let telemetry: Telemetry;
  let scene: FailureScene;
  const { name, topic, counted, priced } = sceneForEach((opened) => (scene = opened), {
    more: ['payments.failures'],
  });
  beforeAll(() => {
    telemetry = startTelemetry({ serviceName: 'test' });
  });
  afterAll(() => telemetry.shutdown());

  const consumer = defineConsumer<LedgerDb>(name, { from: 'earliest' })
    .on(counted, async (event, { tx, emit }) => {
      await note(tx, { ...event, id: event.id.slice(0, 80) });
      emit(priced(event.data));
    })
    .onFailure(consumerRef('payments'), counted, () => {
      throw new Error('it fails');
    });

  /** A foreign event with other headers or another body, and a good one behind it. */
  async function meet(change: Partial<OutgoingRecord>, headers: readonly (readonly [string, string])[]) {
    const { record, ...place } = foreignRecord(counted({ key: 'k', n: 1 }), 'id-1', 1);
    const all = [...new Map<string, OutgoingRecord['headers'][number][1]>([...record.headers, ...headers])];
    await sendRecords(scene.broker, [{ ...place, record: { ...record, headers: all, ...change } }]);
    await scene.source.publish(scene.broker, [counted({ key: 'other', n: 2 })]);
    const service = await scene.start(consumer, { policies: inPlace({ attempts: 1 }) });
    await waitUntil(async () => (await lines(scene.database)).some(({ n }) => n === 2), {
      what: 'the good event',
    });
    expect(service.status()[0]?.state).toBe('running');
    return {
      outbox: await scene.outbox(),
      letters: await scene.letters(),
      effects: await lines(scene.database),
    };
  }

  const bad = { value: 'not json' };
  it.each([
    ['an id of 4 KB', [[WIRE.id, random(4_000)]]],
    ['an id of 450 KB', [[WIRE.id, random(450_000)]]],
    ['a correlation id of 4 KB', [[WIRE.correlationId, random(4_000)]]],
    ['a source of 800 KB', [[WIRE.source, random(800_000)]]],
    ['a saga of 100 KB', [[WIRE.saga, random(100_000)]]],
    ['a traceparent of 900 KB', [[WIRE.traceparent, 'x'.repeat(900_000)]]],
    ['300 headers', Array.from({ length: 300 }, (_, n) => [`h${n}`, random(100)])],
  ] as [string, [string, string][]][])(
    'N8, G5c: a record with %s and a bad payload is a dead letter, and the consumer continues',
    async (_, headers) => {
      const { letters, outbox } = await meet(bad, headers);
      expect(letters).toHaveLength(1);
      expect(outbox.map(({ type }) => type).toSorted()).toEqual(['converge.failure', 'test.priced']);
    },
  );

  it.each([
    ['an id of 4 KB', [[WIRE.id, random(4_000)]]],
    ['a correlation id of 100 KB', [[WIRE.correlationId, random(100_000)]]],
    ['a traceparent of 900 KB', [[WIRE.traceparent, 'x'.repeat(900_000)]]],
  ] as [string, [string, string][]][])(
    'a record with %s and a good payload is handled, and what its handler emits has bounded headers',
    async (_, headers) => {
      const { effects, outbox } = await meet({}, headers);
      expect(effects.map(({ n }) => n)).toEqual([1, 2]);
      expect(Buffer.byteLength(outbox.find(({ key }) => key === 'k')!.headers)).toBeLessThan(2_000);
    },
  );

  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  it.each([
    ['handled', {}],
    ['given up', bad],
  ])(
    'an event that is %s continues the trace of a foreign producer, without its baggage',
    async (_, change) => {
      const baggage = `tenant=secret,a=${'x'.repeat(4_000)},b=${'y'.repeat(4_000)}`;
      const { outbox } = await meet(change, [
        [WIRE.traceparent, trace],
        [WIRE.baggage, baggage],
      ]);
      const answer = outbox.find(({ key }) => key === 'k');
      const headers = JSON.parse(answer!.headers) as Record<string, string>;
      expect(headers[WIRE.traceparent]?.split('-')[1]).toBe(trace.split('-')[1]);
      expect(headers).not.toHaveProperty(WIRE.baggage);
    },
  );

  it.each([-(2 ** 63), 2 ** 63])('a dead letter with the timestamp %d is recorded', async (timestampMs) => {
    const { letters } = await meet({ ...bad, timestampMs }, []);
    expect(letters).toHaveLength(1);
  });

  it('a failure event with an attempt id that is no uuid is recorded, and so is one of a type with NUL', async () => {
    const at = new Date(0).toISOString();
    const input = (type: string) =>
      failureEvent('payments')({
        consumer: 'payments',
        handler: 'h',
        category: 'bug',
        certainty: 'not_applied',
        code: 'X',
        message: 'm',
        attempts: [],
        firstAt: at,
        lastAt: at,
        event: {
          id: 'x',
          type,
          version: 1,
          source: 's',
          topic,
          partition: 0,
          offset: '0',
          key: 'k',
          payload: '{"key":"k","n":1}',
        },
      });
    const sent = [`a\u0000${random(4_000)}`, counted.type].map((type) => {
      const { record, ...place } = scene.source.record(input(type));
      const headers = [...record.headers, [WIRE.attemptId, 'no uuid'] as const];
      return { ...place, record: { ...record, headers } };
    });
    expect(sent[0]?.partition).toBe(partitionOf('k', 1));
    await sendRecords(scene.broker, sent);
    const { letters } = await meet({}, []);
    await waitUntil(async () => (await scene.letters()).length === 1, { what: 'the dead letter' });
    expect(letters.length).toBeLessThanOrEqual(1);
  });
});
