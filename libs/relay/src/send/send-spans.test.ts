import { RecordBatchBuilder } from '@convergekit/broker/engine';
import { START } from '@convergekit/contracts/engine';
import { describe, expect, it } from 'vitest';
import { eventIdOf, openSends, traceparentsOf } from './send-spans.ts';
import { Encoder } from '../batch/encode.ts';
import { blockOf, type OutboxRow, OutboxRows } from '../window/outbox-rows.ts';
import { PositionText } from '../batch/position-text.ts';

/**
 * Code that was removed once, and a test here failed:
 * - a value must look like what it is (the bytes of a header inside a payload were taken for one);
 * - the number of links is bounded.
 */

const traceparent = (n: number, flags = '01'): string =>
  `00-${n.toString(16).padStart(32, '0')}-${(n + 1).toString(16).padStart(16, '0')}-${flags}`;

function batchOf(events: readonly Partial<OutboxRow>[]): { length: number; bytes: Buffer } {
  const rows = events.map((change, at) => ({
    id: String(at + 1),
    event_id: `0198c0de-0000-7000-8000-00000000000${at % 10}`,
    topic: 't',
    key: 'k',
    type: 'shop.order.placed',
    headers: '{}',
    payload: '{}',
    created_ms: 1_700_000_000_123,
    ...change,
  }));
  const encoder = new Encoder({ id: '0198c0de-aaaa-7000-8000-000000000001', name: 'shop', epoch: 1 });
  encoder.begin(1, { number: 17n, nonce: '00000000000000ab' });
  const batch = new RecordBatchBuilder();
  const prev = new PositionText();
  prev.setTo(START);
  const read = new OutboxRows();
  read.load(blockOf(rows));
  while (read.next()) {
    encoder.room(read);
    encoder.write(read, batch, prev);
  }
  return batch.seal();
}

describe('an encoded batch', () => {
  it('an encoded batch gives the id of its first event', () => {
    expect(eventIdOf(batchOf([{}, {}]).bytes)).toBe('0198c0de-0000-7000-8000-000000000000');
  });

  it('an encoded batch whose payload holds the bytes of a header gives the id of the real header', () => {
    const fake = `\nce_idHno uuid, but as long as one, nearly...`;
    expect(eventIdOf(batchOf([{ payload: fake }]).bytes)).toBe('0198c0de-0000-7000-8000-000000000000');
  });

  it('an encoded batch gives the sampled trace contexts as they are stored, up to a limit', () => {
    const traced = (n: number, flags?: string): Partial<OutboxRow> => ({
      headers: JSON.stringify({ traceparent: traceparent(n, flags) }),
    });
    const { bytes } = batchOf([traced(1), {}, traced(2, '00'), traced(3), traced(4)]);
    expect(traceparentsOf(bytes, 32)).toEqual([traceparent(1), traceparent(3), traceparent(4)]);
    expect(traceparentsOf(bytes, 2)).toEqual([traceparent(1), traceparent(3)]);
  });
});

it('no span is opened, and no batch is searched, while no spans are collected', () => {
  const untouched = {
    get bytes(): Buffer {
      throw new Error('the batch was looked through');
    },
    length: 1,
  };
  expect(openSends([{ topic: 't', partition: 0, records: untouched }])).toBeUndefined();
});
