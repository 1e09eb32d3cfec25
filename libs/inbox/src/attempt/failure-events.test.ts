import { failureEvent, type FailureData } from '@convergekit/contracts/engine';
import { describe, expect, it } from 'vitest';
import { parkedRow } from '../park/parked-row.ts';
import type { Attempt } from './attempt.ts';
import { failureEventOf } from './failure-events.ts';
import type { DeadLetter } from './dead-letter.ts';
import type { SliceContext } from '../slice/context.ts';

const attempt = (number: number): Attempt => ({
  number,
  at: new Date(number).toISOString(),
  durationMs: 1,
  category: 'bug',
  certainty: 'not_applied',
  code: 'X',
  message: '\ufffd'.repeat(4_000),
  outcome: 'retry',
});

function letter(change: Partial<DeadLetter>): DeadLetter {
  const record = {
    topic: 'orders',
    partition: 0,
    offset: 5n,
    timestampMs: 0,
    key: Buffer.from('k'),
    value: Buffer.from('{"n":1}'),
    headers: [],
  };
  return {
    id: '0197c3f4-0000-8000-8000-000000000001',
    consumer: 'stock',
    topicId: null,
    phase: 'apply',
    run: 0,
    record,
    envelope: undefined,
    handler: 'h',
    attempts: [attempt(1)],
    failure: {
      category: 'bug',
      certainty: 'not_applied',
      code: 'X',
      message: 'm',
      structural: false,
      cause: undefined,
    },
    ...change,
  };
}

const context = { failureEvent: failureEvent('stock') } as SliceContext<never>;
const dataOf = (one: DeadLetter) => JSON.parse(failureEventOf(context, one).payload) as FailureData;

describe('a failure event', () => {
  it('a failure event carries the payload and all attempts when they fit', () => {
    const data = dataOf(letter({ attempts: [1, 2, 3].map(attempt) }));
    expect(data.event.payload).toBe('{"n":1}');
    expect(data.attempts).toHaveLength(3);
  });

  it('a failure event refers to the payload by hash when payload and attempts do not fit', () => {
    const value = Buffer.from('x'.repeat(250_000));
    const data = dataOf(
      letter({
        record: { ...letter({}).record, value },
        attempts: Array.from({ length: 60 }, (_, n) => attempt(n + 1)),
      }),
    );
    expect(data.event).toMatchObject({
      ref: expect.stringMatching(/^parked:/) as string,
      payloadSha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    expect(data.event.payload).toBeUndefined();
    expect(data.attempts).toHaveLength(60);
  });

  it('a failure event has the last attempts with short messages when nothing else fits', () => {
    const data = dataOf(letter({ attempts: Array.from({ length: 400 }, (_, n) => attempt(n + 1)) }));
    expect(data.attempts.map(({ number }) => number)).toEqual([396, 397, 398, 399, 400]);
    expect(data.attempts[0]?.message).toHaveLength(200);
  });

  it('a failure event bounds the instance of a saga in its data and in its header', () => {
    const saga = { name: 'order', version: 1, step: 'pay', op: 'apply' as const };
    for (const instance of ['a\u0000b\nc', '\ud800', 'x'.repeat(500_000)]) {
      const event = failureEventOf(context, letter({ saga: { ...saga, instance } }));
      expect(event.headers?.['ce_saga']).toMatch(/^order\/1\/.{1,1024}$/);
    }
  });
});

describe('the row of a dead letter', () => {
  const big = { ...letter({}).record, value: Buffer.alloc(5 * 1024 * 1024) };
  const event = { ...letter({}), record: big };

  it('a dead letter records size and hash of a payload that is too large to keep, and is not retried', () => {
    expect(parkedRow(event, 'dead', undefined, undefined)).toMatchObject({
      payload: null,
      closed: expect.stringMatching(/payload: 5242880 bytes, sha256 .*at offset 5 of orders\/0/) as string,
    });
  });

  it('a waiting event is kept whole, whatever its size', () => {
    expect(parkedRow(event, 'waiting', undefined, undefined).payload).toHaveLength(5 * 1024 * 1024);
  });

  it('a parked row has a timestamp that the database can hold', () => {
    const row = (timestampMs: number) =>
      parkedRow({ ...event, record: { ...big, timestampMs } }, 'dead', undefined, undefined).timestamp_ms;
    expect([row(2 ** 63), row(-(2 ** 63))]).toEqual(['8640000000000000', '-1']);
  });
});
