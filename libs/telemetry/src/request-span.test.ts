import { propagation, trace } from '@opentelemetry/api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { afterAttempts, inAttempt } from './attempt-span.ts';
import { inject } from './spans.ts';
import { attributeNames } from './names.ts';
import { requestSpan } from './request-span.ts';
import { type EndedSpan, startTelemetry, type Telemetry } from './sdk.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const headers = { traceparent: `00-${TRACE}-b7ad6b7169203331-01`, baggage: 'user=ann' };

const spans: EndedSpan[] = [];
let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry({ serviceName: 'test', onSpan: (span) => spans.push(span) });
});
afterAll(() => telemetry.shutdown());

describe('the span of an HTTP request', () => {
  it('a request continues the trace of its caller without the baggage, and is named by its route', () => {
    const request = requestSpan({ method: 'POST', headers });
    const carrier: Record<string, string> = {};
    request.run(() => {
      inject(carrier);
      expect(propagation.getActiveBaggage()).toBeUndefined();
    });
    request.end(201, '/orders/:id');
    request.end(500);
    const ended = spans.filter(({ traceId }) => traceId === TRACE);
    expect(ended).toMatchObject([
      {
        name: 'POST /orders/:id',
        parentSpanId: 'b7ad6b7169203331',
        attributes: {
          'http.request.method': 'POST',
          'http.response.status_code': 201,
          'http.route': '/orders/:id',
        },
      },
    ]);
    expect(carrier['traceparent']).toBe(`00-${TRACE}-${ended[0]?.spanId ?? ''}-01`);
    expect(carrier['baggage']).toBeUndefined();
  });

  it('a request without a trace begins one, and a server error marks its span as failed', () => {
    const request = requestSpan({ method: 'GET', headers: {}, route: '/' });
    request.run(() => expect(trace.getActiveSpan()).toBeDefined());
    request.end(503);
    expect(spans.at(-1)).toMatchObject({
      name: 'GET /',
      parentSpanId: undefined,
      attributes: { 'error.type': '503' },
    });
  });
});

describe('the spans of attempts', () => {
  it('attempts are numbered behind those of earlier runs, and those within an attempt by themselves', async () => {
    spans.length = 0;
    const attempt = (name: string, number: number, fn: () => Promise<unknown> = () => Promise.resolve()) =>
      inAttempt({ name, number, labels: {} }, fn);
    await afterAttempts(3, async () => {
      await attempt('outer', 1, () => attempt('inner', 1));
      await attempt('outer', 2);
    });
    const numbers = spans.map(({ name, attributes }) => [name, attributes[attributeNames.attempt]]);
    expect(numbers).toEqual([
      ['attempt inner', 1],
      ['attempt outer', 4],
      ['attempt outer', 5],
    ]);
  });

  it('a failed attempt has its reason, category and certainty, and not the message', async () => {
    spans.length = 0;
    const error = Object.assign(new Error('card 4111 refused'), {
      code: 'ECONNREFUSED',
      syscall: 'connect',
    });
    await expect(inAttempt({ name: 'pay', number: 1, labels: {} }, () => Promise.reject(error))).rejects.toBe(
      error,
    );
    expect(spans[0]?.attributes).toMatchObject({
      [attributeNames.reason]: 'ECONNREFUSED',
      [attributeNames.category]: 'network',
      [attributeNames.certainty]: 'not_applied',
    });
    expect(JSON.stringify(spans)).not.toContain('4111');
  });
});
