import { describe, expect, it } from 'vitest';
import { judgementOf, overall } from './check.ts';
import { checkListed, logClaims } from './log-claims.ts';
import type { LogRecord } from './facts.ts';

const event = {
  source: 'orders',
  topic: 'shop.orders',
  key: 'k',
  type: 'shop.order.placed',
  eventId: '01990000-0000-7000-8000-000000000001',
};
const record: LogRecord = {
  topic: 'shop.orders',
  partition: 0,
  offset: 0,
  appendedAtMs: 0,
  key: 'k',
  payload: '{}',
  headers: {
    ce_id: event.eventId,
    ce_subject: 'k',
    ce_type: event.type,
    ce_source: 'orders',
    ce_pos: '1.1.1.00ff00ff00ff00ff',
    ce_prev: '1.0.0',
  },
};
const wrong = (log: readonly LogRecord[], events = [event]): readonly string[] =>
  logClaims(checkListed(events, log))
    .filter(({ findings }) => findings.length > 0)
    .map(({ claim }) => claim.replace(/:.*/, ''));
const claim = (name: string, log: readonly LogRecord[], events = [event]) =>
  logClaims(checkListed(events, log)).find((one) => one.claim.startsWith(name))!;

describe('the claims about a log', () => {
  it('a log that has each listed event as it was committed has no findings, with repeats too', () => {
    expect(wrong([record, { ...record, offset: 1 }])).toEqual([]);
  });

  it('a listed event that is not in the log disagrees when nothing is open, and is undecided while something is', () => {
    const lost = claim('no event lost', [], [event]);
    expect(judgementOf(lost, true)).toBe('disagrees');
    expect(judgementOf(lost, false)).toBe('not_settled');
  });

  it('a record that no outbox has disagrees, whether something is open or not', () => {
    const invented = claim('no event invented', [record], []);
    expect(judgementOf(invented, false)).toBe('disagrees');
  });

  it.each([
    ['another type', { ce_type: 'shop.order.cancelled' }],
    ['another source', { ce_source: 'payments' }],
  ])('a record with %s than was committed is found as altered', (_, headers) => {
    expect(wrong([{ ...record, headers: { ...record.headers, ...headers } }])).toEqual([
      'no event invented or altered',
    ]);
  });

  it('two events of a key in the other order than they were committed are found', () => {
    const other = { ...event, eventId: '01990000-0000-7000-8000-000000000002' };
    const second = { ...record, headers: { ...record.headers, ce_id: other.eventId } };
    const log = [
      second,
      {
        ...record,
        offset: 1,
        headers: { ...record.headers, ce_pos: '1.1.2.00ff00ff00ff00ff', ce_prev: '1.1.1' },
      },
    ];
    expect(wrong(log, [event, other])).toEqual(['order per key kept']);
    expect(wrong(log, [other, event])).toEqual([]);
  });
});

it('a system with open work never agrees as a whole', () => {
  const fine = [{ claim: 'x', looked: 1, findings: [] }];
  expect(overall(fine, true)).toBe('agrees');
  expect(overall(fine, false)).toBe('not_settled');
  expect(overall([{ claim: 'x', looked: 0, findings: [] }], true)).toBe('disagrees');
});
