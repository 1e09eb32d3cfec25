import { describe, expect, it } from 'vitest';
import { decodeEnvelope, receive } from './engine.ts';
import type { WireRecord } from './envelope.ts';
import { decoded, full, minimal, placed, record } from './fixture/records.ts';

describe('an envelope', () => {
  it('an envelope has every field of the wire', () => {
    const envelope = decodeEnvelope(record(full));
    expect(envelope).toEqual({
      id: minimal['ce_id'],
      type: 'shop.order.placed',
      version: 2,
      topic: 'shop.orders',
      key: 'o-1',
      time: new Date('2026-01-02T03:04:05.678Z'),
      source: 'orders',
      sourceId: full['ce_sourceid'],
      position: { epoch: 1, tick: 17n, id: 123n, nonce: '00000000000000ab' },
      prev: { epoch: 1, tick: 17n, id: 120n },
      correlationId: 'corr',
      causationId: 'cause',
      hops: 3,
      deadline: new Date(5),
      saga: 'saga-1',
      replayOf: 'first',
      headers: full,
      partition: 2,
      offset: 41n,
      payload: '{"orderId":"o-1"}',
    });
  });

  it('a foreign event needs the four attributes of CloudEvents and nothing else', () => {
    const envelope = decodeEnvelope(record(minimal, { key: null }));
    expect(envelope).toMatchObject({
      version: 1,
      hops: 0,
      key: minimal['ce_id'],
      time: new Date(1_700_000_000_000),
    });
    expect('position' in envelope).toBe(false);
    for (const name of Object.keys(minimal)) {
      const rest = Object.entries(minimal).filter(([other]) => other !== name);
      expect(decoded(record(Object.fromEntries(rest)))).toBe('HEADER_MISSING');
      expect(decoded(record({ ...minimal, [name]: '' }))).toBe('HEADER_MISSING');
    }
  });

  it('an envelope keeps the payload byte for byte', () => {
    const payload = ' {"big":12345678901234567890, "a":1.0,"a":2}\n';
    expect(decodeEnvelope(record(full, { value: Buffer.from(payload) })).payload).toBe(payload);
    const bom = Buffer.from('\ufeff{}');
    expect(Buffer.from(decodeEnvelope(record(full, { value: bom })).payload)).toEqual(bom);
  });

  it('a received event has the data of its definition, older versions by upcast', () => {
    const received = receive(decodeEnvelope(record(full)), placed);
    expect(received.data).toEqual({ orderId: 'o-1' });
    expect(Object.isFrozen(received)).toBe(true);
    const old = record(minimal, { value: Buffer.from('{"id":"o-9"}') });
    expect(receive(decodeEnvelope(old), placed)).toMatchObject({ version: 1, data: { orderId: 'o-9' } });
    const other = { ...minimal, ce_type: 'shop.other' };
    expect(() => receive(decodeEnvelope(record(other)), placed)).toThrow('was read as');
  });
});

describe('strict headers', () => {
  it.each<[string, Record<string, string>, string]>([
    ['another spec version', { ce_specversion: '0.3' }, 'HEADERS_INVALID'],
    ['a time that is none', { ce_time: 'yesterday' }, 'HEADERS_INVALID'],
    ['a time of JavaScript only', { ce_time: '2026' }, 'HEADERS_INVALID'],
    ['a thirteenth month', { ce_time: '2026-13-01T00:00:00Z' }, 'HEADERS_INVALID'],
    ['a bad deadline', { ce_deadline: '5' }, 'HEADERS_INVALID'],
    ['hops that are no number', { ce_hops: '1e9' }, 'HEADERS_INVALID'],
    ['negative hops', { ce_hops: '-1' }, 'HEADERS_INVALID'],
    ['a position of another form', { ce_pos: '1.2' }, 'POSITION_INVALID'],
    ['a predecessor of another form', { ce_prev: 'x' }, 'POSITION_INVALID'],
    ['a line break in an id', { ce_id: 'a\r\nb' }, 'HEADERS_INVALID'],
    [
      'structured mode',
      { 'content-type': 'application/cloudevents+json; charset=utf-8' },
      'CONTENT_TYPE_UNSUPPORTED',
    ],
    ['avro', { 'content-type': 'avro/binary' }, 'CONTENT_TYPE_UNSUPPORTED'],
  ])('a record with %s is rejected', (_, change, expected) =>
    expect(decoded(record({ ...full, ...change }))).toBe(expected),
  );

  it('a duplicate or binary header of the kit is rejected, a foreign one is not', () => {
    const with_ = (...extra: [string, Buffer | null][]): WireRecord =>
      record(full, { headers: [...record(full).headers, ...extra] });
    expect(decoded(with_(['ce_id', Buffer.from('other')]))).toBe('HEADERS_INVALID');
    expect(decoded(with_(['baggage', Buffer.from([0xff])]))).toBe('HEADERS_INVALID');
    expect(decoded(with_(['baggage', null]))).toBe('HEADERS_INVALID');
    const foreign = decodeEnvelope(
      with_(
        ['tenant', Buffer.from('blue')],
        ['binary', Buffer.from([0xff])],
        ['none', null],
        ['__proto__', Buffer.from('x')],
      ),
    );
    expect(foreign.headers['tenant']).toBe('blue');
    expect(foreign.headers['__proto__']).toBe('x');
    expect(Object.keys(foreign.headers)).not.toContain('binary');
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it('a record that is not an event or not text is rejected', () => {
    expect(decoded(record(full, { value: null }))).toBe('PAYLOAD_MISSING');
    expect(decoded(record(full, { value: Buffer.from([0x7b, 0xff]) }))).toBe('PAYLOAD_NOT_TEXT');
    expect(decoded(record(full, { key: Buffer.from([0xc0]) }))).toBe('PAYLOAD_NOT_TEXT');
    expect(
      decoded(record(full, { headers: Array.from({ length: 257 }, (_, i) => [`h${i}`, null] as const) })),
    ).toBe('HEADERS_INVALID');
  });
});

describe('foreign text in an envelope', () => {
  const long = 'é'.repeat(3_000);
  const at = (headers: Record<string, string>) => decodeEnvelope(record({ ...minimal, ...headers }));

  // Planted faults: each of the five left as received fails here.
  it('an id or name longer than 512 bytes, or a saga longer than 2,048, is replaced by its hash', () => {
    const texts = { ce_id: long, ce_source: long, ce_type: long, ce_correlationid: long, ce_saga: long };
    const read = at(texts);
    for (const text of [read.id, read.source, read.type, read.correlationId, read.saga])
      expect(text).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(read.headers['ce_id']).toBe(long);
    expect(at({ ce_saga: 'x'.repeat(2_048) }).saga).toHaveLength(2_048);
  });

  // Planted fault: without the check of its form the attempt id is accepted.
  it('an invalid trace context and an attempt id that is not a uuid are dropped', () => {
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    expect(at({ traceparent: trace, tracestate: 'a=b' }).headers).toMatchObject({ tracestate: 'a=b' });
    expect(at({ traceparent: `${trace}x`, tracestate: 'a=b' }).headers).not.toHaveProperty('tracestate');
    expect(at({ traceparent: trace, tracestate: 'a'.repeat(600) }).headers).not.toHaveProperty('tracestate');
    expect(at({ ce_attemptid: 'x' })).not.toHaveProperty('attemptId');
  });
});
