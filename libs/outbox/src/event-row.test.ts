import { expect, it } from 'vitest';
import { type AppendEvent, rowOf, type RowSettings } from './event-row.ts';

const id = '01890000-0000-7000-8000-000000000001';
const settings: RowSettings = { newId: () => id, maxBytes: 100, maxHops: 32, inject: () => undefined };
const event: AppendEvent = {
  type: 'shop.order.placed',
  version: 2,
  topic: 'shop.orders',
  key: 'k',
  payload: '{}',
};
const headersOf = (row: { readonly headers: string }): unknown => JSON.parse(row.headers);

it('an event without context starts a new correlation', () => {
  const row = rowOf(event, {}, settings);
  expect(row).toMatchObject({
    eventId: id,
    topic: 'shop.orders',
    key: 'k',
    type: 'shop.order.placed',
    payload: '{}',
  });
  expect(headersOf(row)).toEqual({
    ce_dataschema: 'urn:converge:shop.order.placed:2',
    'content-type': 'application/json',
    ce_correlationid: id,
  });
});

it('context, trace and own headers are stored', () => {
  const inject = (carrier: Record<string, string>): void => void (carrier['traceparent'] = '00-a-b-01');
  const context = {
    correlationId: 'c',
    causationId: 'd',
    hops: 3,
    deadline: new Date(0),
    saga: 's',
    replayOf: 'r',
    headers: { tenant: 'a' },
  };
  expect(headersOf(rowOf(event, context, { ...settings, inject }))).toMatchObject({
    traceparent: '00-a-b-01',
    ce_correlationid: 'c',
    ce_causationid: 'd',
    ce_hops: '3',
    ce_deadline: '1970-01-01T00:00:00.000Z',
    ce_saga: 's',
    ce_replayof: 'r',
    tenant: 'a',
  });
});

it('an id and kit headers set by the kit override the defaults', () => {
  const given = { ...event, id: id.replace('1', '2'), headers: { ce_correlationid: 'x', traceparent: 'y' } };
  const row = rowOf(given, { correlationId: 'lost' }, settings);
  expect(row.eventId).toBe(given.id);
  expect(headersOf(row)).toMatchObject({ ce_correlationid: 'x', traceparent: 'y' });
});

it('a header of any name that is allowed is stored, also __proto__', () => {
  const named = (text: string): Readonly<Record<string, string>> =>
    JSON.parse(`{"__proto__":"${text}"}`) as Record<string, string>;
  const stored = (row: { readonly headers: string }): unknown =>
    Object.entries(headersOf(row) as object).find(([name]) => name === '__proto__');
  expect(stored(rowOf(event, { headers: named('a') }, settings))).toEqual(['__proto__', 'a']);
  expect(stored(rowOf({ ...event, headers: named('b') }, {}, settings))).toEqual(['__proto__', 'b']);
});

it('more hops than the limit are refused as a loop, from the context or a header', () => {
  expect(() => rowOf(event, { hops: 32 }, settings)).not.toThrow();
  const loop = expect.objectContaining({ code: 'loop_suspected', category: 'bug', certainty: 'not_applied' });
  expect(() => rowOf(event, { hops: 33 }, settings)).toThrow(loop);
  expect(() => rowOf({ ...event, headers: { ce_hops: '33' } }, {}, settings)).toThrow(loop);
});

it.each([
  ['an empty key', { key: '' }, 'EVENT_INVALID'],
  ['a key with a NUL', { key: 'a\u0000' }, 'EVENT_INVALID'],
  ['half a character in a key', { key: '\ud800' }, 'EVENT_INVALID'],
  ['an empty topic', { topic: '' }, 'EVENT_INVALID'],
  ['an empty type', { type: '' }, 'EVENT_INVALID'],
  ['an id that is no uuid', { id: 'x' }, 'EVENT_INVALID'],
  ['a header that the relay writes', { headers: { ce_pos: '1.1.1' } }, 'EVENT_INVALID'],
  ['a header with a line break', { headers: { a: 'b\r\nc: d' } }, 'HEADERS_INVALID'],
  ['a payload over the limit, counted in bytes', { payload: 'ä'.repeat(51) }, 'PAYLOAD_TOO_LARGE'],
  ['half a character in the payload', { payload: '"\ud800"' }, 'PAYLOAD_LONE_SURROGATE'],
])('an event with %s is refused', (_what, change, code) => {
  expect(() => rowOf({ ...event, ...change }, {}, settings)).toThrow(expect.objectContaining({ code }));
});

it('a caller cannot set reserved headers', () => {
  for (const name of ['ce_hops', 'traceparent', 'Content-Type'])
    expect(() => rowOf(event, { headers: { [name]: 'x' } }, settings)).toThrow(
      expect.objectContaining({ code: 'HEADER_RESERVED' }),
    );
});
