import { ConvergeError } from '@convergekit/core';
import { BREAKER_OPEN } from '@convergekit/resilience/engine';
import { attributeNames, spanNames } from '@convergekit/telemetry/engine';
import { spanEvents } from '../../../telemetry/src/names.ts';
import { type EndedSpan, startTelemetry, type Telemetry } from '@convergekit/telemetry/sdk';
import { waitUntil } from '@convergekit/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { FailureScene } from '../fixture/failure-scene.ts';
import { inPlace, tag } from '../testing/quick.ts';
import { type LedgerDb, testEvents } from '../fixture/ledger.ts';

const BREAKER = { code: BREAKER_OPEN, category: 'service', certainty: 'not_applied' } as const;
const failure = (code: string, category: 'network' | 'throttle' | 'service' | 'bug') =>
  new ConvergeError(code, { code, category, certainty: 'not_applied' });

describe('telemetry of attempts', () => {
  const spans: EndedSpan[] = [];
  let telemetry: Telemetry;
  let scene: FailureScene;
  let name: string;
  let topic: string;

  beforeAll(() => {
    telemetry = startTelemetry({ serviceName: 'test', onSpan: (span) => spans.push(span) });
  });
  afterAll(() => telemetry.shutdown());
  beforeEach(async () => {
    spans.length = 0;
    name = `payments-${tag()}`;
    topic = `orders-${tag()}`;
    scene = await FailureScene.open(inject('stack').databaseUrl, [topic, `${name}.failures`]);
  });
  afterEach(() => scene.close());

  /** Sends an event whose handler throws these errors before it succeeds. */
  const play = async (errors: Error[], key = 'a') => {
    const { counted } = testEvents(topic);
    await scene.source.publish(scene.broker, [counted({ key, n: 0 })]);
    const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, () => {
      const error = errors.shift();
      if (error !== undefined) throw error;
    });
    const objective = { name: 'checkout', target: 0.999 };
    await scene.start(consumer, { policies: inPlace({ attempts: 4, objective }) });
    await waitUntil(async () => (await scene.offset()) >= 1, { what: 'the event to be settled' });
    await waitUntil(() => spans.some((span) => span.name === spanNames.process(topic)), { what: 'its span' });
  };
  const samples = async (metric: string) =>
    (await telemetry.scrape()).body
      .split('\n')
      .filter((line) => line.startsWith(`${metric}{`) && line.includes(name));

  it('S22: after three failures and a success a scrape has four samples, each with its labels', async () => {
    await play(
      [failure('AWAY', 'network'), failure('BUSY', 'throttle'), failure('E503', 'service')],
      'secret-key',
    );
    const found = await samples('converge_attempts_total');
    const labelled = (category: string, outcome: string, reason: string, kind = 'transient') =>
      `converge_attempts_total{converge_consumer="${name}",converge_handler="test.counted",converge_objective="checkout",` +
      `converge_outcome="${outcome}",converge_failure_category="${category}",converge_failure_kind="${kind}",converge_attempt_reason="${reason}"} 1`;
    expect(found.toSorted()).toEqual(
      [
        labelled('network', 'retry', 'AWAY'),
        labelled('throttle', 'retry', 'BUSY'),
        labelled('service', 'retry', 'E503'),
        labelled('none', 'applied', 'none', 'none'),
      ].toSorted(),
    );
    const waits = await samples('converge_attempt_wait_seconds_count');
    expect(waits.map((line) => /converge_wait_rule="(\w+)"/.exec(line)?.[1]).toSorted()).toEqual([
      'backoff',
      'throttle',
    ]);
    const { body } = await telemetry.scrape();
    expect(body).toContain('converge_objective_target{converge_objective="checkout"} 0.999');
    expect(body).not.toContain('secret-key');
  });

  it('S13: an error that no rule knows is a bug by default, and the metric of attempts counts it as unclassified', async () => {
    await play([new Error('who knows')]);
    const [failed, ...others] = (await samples('converge_attempts_total')).filter(
      (line) => !line.includes('"none"'),
    );
    expect(others).toEqual([]);
    expect(failed).toMatch(/converge_failure_category="bug",.*converge_attempt_reason="UNCLASSIFIED"\} 1$/);
  });

  // Planted faults: without the record of a released key, or of the end of a pause, the third is awaited in vain here.
  it('what failed and works again is timed: an event in place, a parked key, a partition that paused', async () => {
    const { counted } = testEvents(topic);
    // The first failure of a slice with several events is no attempt: they are run again one by one.
    const fails = (times: number) => Array.from({ length: times }, () => failure('E503', 'service'));
    const errors = new Map([
      [0, fails(2)],
      [1, fails(5)],
      [2, [new ConvergeError('open', { ...BREAKER, retryAfterMs: 10 })]],
    ]);
    await scene.source.publish(
      scene.broker,
      [0, 1, 2].map((n) => counted({ key: `k${n}`, n })),
    );
    const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, ({ data }) => {
      const error = errors.get(data.n)?.shift();
      if (error !== undefined) throw error;
    });
    await scene.start(consumer, { policies: inPlace({ attempts: 3 }) });
    const scopes = async () =>
      (await samples('converge_inbox_recovery_seconds_count')).map(
        (line) =>
          `${/converge_recovery_scope="(\w+)"/.exec(line)?.[1] ?? ''} ${line.split(' ').at(-1) ?? ''}`,
      );
    await waitUntil(async () => (await scopes()).length === 3, { what: 'all three to be timed' });
    expect((await scopes()).toSorted()).toEqual(['event 1', 'key 1', 'partition 1']);
  });

  // Planted fault: with a `process` span per call of the handler there are four of them here.
  it('S59: N attempts are N children of the event’s span, with number, outcome, reason and wait', async () => {
    await play([failure('AWAY', 'network'), failure('E503', 'service')]);
    const process = spans.filter((span) => span.name === spanNames.process(topic));
    expect(process).toHaveLength(1);
    const attempts = spans.filter((span) => span.name === spanNames.attempt('test.counted'));
    expect(attempts.map(({ parentSpanId }) => parentSpanId)).toEqual(Array(3).fill(process[0]!.spanId));
    expect(attempts.map(({ attributes }) => attributes)).toMatchObject([
      {
        [attributeNames.attempt]: 1,
        [attributeNames.outcome]: 'retry',
        [attributeNames.reason]: 'AWAY',
        [attributeNames.waitRule]: 'backoff',
        [attributeNames.waitCap]: 1,
      },
      { [attributeNames.attempt]: 2, [attributeNames.reason]: 'E503' },
      { [attributeNames.attempt]: 3, [attributeNames.outcome]: 'applied' },
    ]);
    const waits = process[0]!.events.filter((event) => event.name === spanEvents.wait);
    expect(waits.map(({ attributes }) => attributes[attributeNames.waitRule])).toEqual([
      'backoff',
      'backoff',
    ]);
  });

  it('S3: the span of a failure event links to the attempt that caused it, in the trace of the failed event', async () => {
    await play(Array.from({ length: 4 }, () => failure('BROKEN', 'bug')));
    const reported = await waitUntil(
      () => spans.find((span) => span.name === spanNames.create(`${name}.failures`)),
      {
        what: 'the span of the failure event',
      },
    );
    const attempts = spans.filter((span) => span.name === spanNames.attempt('test.counted'));
    const last = attempts.find(({ attributes }) => attributes[attributeNames.attempt] === 4);
    expect(reported.links).toEqual([{ traceId: last!.traceId, spanId: last!.spanId }]);
    expect(reported.traceId).toBe(last!.traceId);
    const [event] = await scene.outbox();
    expect(JSON.parse(event!.headers)).toMatchObject({
      traceparent: `00-${reported.traceId}-${reported.spanId}-01`,
    });
    const { rows } = await scene.database.executor.query<{ traceparent: string }>(
      'select traceparent from converge.inbox_attempt where number = 4',
    );
    expect(rows).toEqual([{ traceparent: `00-${last!.traceId}-${last!.spanId}-01` }]);
  });
});
