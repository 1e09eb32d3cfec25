import { context, metrics, trace } from '@opentelemetry/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contextFrom, inject, instruments } from './engine.ts';
import { makeLogger } from './logger.ts';
import { instrumentDefinitions } from './names.ts';
import { withSpan } from './index.ts';
import { startTelemetry, type Telemetry } from './sdk.ts';

function captured(level = 'info') {
  const lines: Record<string, unknown>[] = [];
  const log = makeLogger(level, {
    write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  return { log, lines };
}

describe('telemetry without an endpoint', () => {
  let telemetry: Telemetry;
  beforeAll(() => {
    telemetry = startTelemetry({ serviceName: 'test' });
  });
  afterAll(() => telemetry.shutdown());

  it('without an endpoint trace ids are not zero, so that contexts propagate', async () => {
    const carrier: Record<string, string> = {};
    await withSpan('create shop.orders', { kind: 'producer' }, () =>
      Promise.resolve().then(() => inject(carrier)),
    );
    expect(carrier['traceparent']).toMatch(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01$/);
  });

  it('a span continues the trace of a carrier and ignores other headers', async () => {
    const sent: Record<string, string> = {};
    await withSpan('create a', { kind: 'producer' }, () => Promise.resolve().then(() => inject(sent)));
    const received: Record<string, string> = {};
    await withSpan('process a', { kind: 'consumer', parent: contextFrom({ ...sent, ce_id: 'x' }) }, () =>
      Promise.resolve().then(() => inject(received)),
    );
    expect(received['traceparent']?.split('-')[1]).toBe(sent['traceparent']?.split('-')[1]);
    expect(received['traceparent']).not.toBe(sent['traceparent']);
  });

  it('inject writes nothing outside a trace', () => {
    const carrier: Record<string, string> = {};
    inject(carrier);
    expect(carrier).toEqual({});
  });

  it('each log line inside a span has its trace id', async () => {
    const { log, lines } = captured();
    await withSpan('a', { kind: 'internal' }, (span) => {
      log.info('inside');
      expect(lines[0]).toMatchObject({
        trace_id: span.spanContext().traceId,
        span_id: span.spanContext().spanId,
      });
      return Promise.resolve();
    });
    log.info('outside');
    expect(lines[1]).not.toHaveProperty('trace_id');
  });

  it('withSpan passes a rejection on unchanged and ends the span', async () => {
    const error = Object.assign(new Error('no'), { code: 'DECLINED' });
    let span = trace.getSpan(context.active());
    await expect(
      withSpan('a', { kind: 'internal' }, (active) => {
        span = active;
        return Promise.reject(error);
      }),
    ).rejects.toBe(error);
    expect(span?.isRecording()).toBe(false);
  });
});

describe('logs', () => {
  it('secrets and payloads are removed from logs at the top and one level below', () => {
    const { log, lines } = captured();
    log.info(
      { password: 'hunter2', payload: '{"card":"4111"}', event: { id: '1', data: { card: '4111' } } },
      'a',
    );
    expect(lines[0]).toMatchObject({
      password: '[redacted]',
      payload: '[redacted]',
      event: { id: '1', data: '[redacted]' },
    });
    expect(JSON.stringify(lines)).not.toMatch(/hunter2|4111/);
  });

  it('logs take only known fields of an error, never those that a driver attaches', () => {
    const { log, lines } = captured();
    const cause = Object.assign(new Error('duplicate key'), {
      code: '23505',
      detail: 'Key (email)=(ann@x.org)',
    });
    log.error(
      { err: Object.assign(new Error('no', { cause }), { code: 'FAILED', rows: ['ann@x.org'] }) },
      'failed',
    );
    expect(lines[0]).toMatchObject({
      err: { code: 'FAILED', cause: { code: '23505', message: 'SQLSTATE 23505' } },
    });
    expect(JSON.stringify(lines)).not.toContain('ann@x.org');
  });

  it('a log line has a readable level and an ISO time', () => {
    const { log, lines } = captured();
    log.warn('careful');
    expect(lines[0]).toMatchObject({
      level: 'warn',
      msg: 'careful',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
  });
});

describe('instruments', () => {
  it('each instrument has a name of its own', () => {
    const names = Object.values(instrumentDefinitions).map((definition) => definition.name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.every((name) => /^converge\.[a-z_.]+$/.test(name))).toBe(true);
  });

  it('instruments take milliseconds and report durations in seconds', () => {
    const recorded: unknown[] = [];
    const instrument = { record: (value: number) => recorded.push(value), add: () => undefined };
    const meter = {
      createCounter: () => instrument,
      createGauge: () => instrument,
      createHistogram: () => instrument,
    };
    metrics.disable();
    metrics.setGlobalMeterProvider({ getMeter: () => meter } as never);
    instruments().inboxSliceDuration.recordMs(250);
    metrics.disable();
    expect(recorded).toEqual([0.25]);
  });

  it('instruments follow a meter provider that is registered after their first use', () => {
    const before = instruments();
    const silent = metrics.getMeter('silent');
    metrics.setGlobalMeterProvider({ getMeter: () => silent });
    expect(instruments()).not.toBe(before);
    metrics.disable();
  });
});
