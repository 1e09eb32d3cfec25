import { describe, expect, test } from 'vitest';
import { Encoder } from './encode.ts';
import { Lane } from './lane.ts';
import { type OpenWindow, PartitionQueue } from './partition-queue.ts';
import { parseSnapshot, type Tick } from './tick.ts';
import type { OutboxRow } from './window-sql.ts';

const tick = (number: bigint): Tick => ({
  number,
  own: 10n,
  floor: 0n,
  ceil: 0n,
  nonce: '0000000000000000',
  epoch: 1,
  snapshot: parseSnapshot('3:3:'),
});
const start = { epoch: 1, tick: 0n, id: '0' };
const push = (queue: PartitionQueue, window: OpenWindow, id: string) =>
  queue.push(
    {
      record: { key: id, value: id, headers: [], timestampMs: 0 },
      bytes: 10,
      tick: window.number,
      id,
      window,
    },
    1,
  );
const keys = (records: readonly { key: string | null }[]) => records.map(({ key }) => key);

describe('a partition queue', () => {
  test('gives the same records again until they are acknowledged, and moves the cursor only over a beginning', () => {
    const lane = new Lane(undefined, tick(0n), 1n);
    const queue = new PartitionQueue('t', 0, start);
    const window = lane.begin();
    for (const id of ['1', '2', '3', '4']) push(queue, window, id);
    lane.end(window, tick(1n));
    expect(queue.prev).toBe('1.1.4');
    expect(keys(queue.take(25, 100))).toEqual(['1', '2']);
    expect(keys(queue.take(25, 100))).toEqual(['1', '2']);
    expect(queue.acknowledge(2)).toBe(20);
    expect(queue.cursor).toEqual({ epoch: 1, tick: 1n, id: '2' });
    expect(lane.done).toBe(0n);
    expect(keys(queue.take(1, 100))).toEqual(['3']);
    queue.acknowledge(2);
    expect(lane.done).toBe(1n);
  });

  test('forgets what was not acknowledged at a drop, and names the cursor as predecessor again', () => {
    const lane = new Lane(undefined, tick(0n), 1n);
    const queue = new PartitionQueue('t', 0, start);
    const window = lane.begin();
    for (const id of ['1', '2', '3']) push(queue, window, id);
    queue.acknowledge(1);
    const { generation } = queue;
    expect(queue.drop()).toEqual({ events: 2, bytes: 20 });
    expect(queue.generation).not.toBe(generation);
    expect(queue.prev).toBe('1.1.1');
    expect(window.pending).toBe(0);
  });
});

describe('a lane', () => {
  test('is done up to the last window before the first that is not wholly acknowledged or not wholly read', () => {
    const lane = new Lane(undefined, tick(4n), 1n);
    const [a, b] = [new PartitionQueue('t', 0, start), new PartitionQueue('t', 1, start)];
    const first = lane.begin();
    push(a, first, '1');
    lane.end(first, tick(5n));
    const second = lane.begin();
    push(b, second, '2');
    lane.end(second, tick(6n));
    const third = lane.begin();
    b.acknowledge(1);
    expect(lane.done).toBe(4n);
    a.acknowledge(1);
    expect(lane.done).toBe(6n);
    expect(third.number).toBe(7n);
    lane.end(third, tick(7n));
    expect(lane.done).toBe(7n);
  });
});

describe('a record', () => {
  const row: OutboxRow = {
    id: '7',
    event_id: '0198c0de-0000-7000-8000-000000000001',
    topic: 't',
    key: 'k',
    type: 'shop.order.placed',
    headers: JSON.stringify({
      ce_dataschema: 'urn:converge:a:2',
      traceparent: '00-ab',
      ce_pos: 'forged',
      n: 1,
    }),
    payload: '{"a":1}',
    created_ms: 1_700_000_000_123,
  };
  const encoder = new Encoder({ id: 'uuid', name: 'shop', epoch: 1 });
  test('carries the CloudEvents headers, its positions and what the writer stored, and nothing forged', () => {
    const { record } = encoder.encode(row, '1.2.7.00000000000000ab', '1.1.3');
    expect(record).toMatchObject({ key: 'k', value: '{"a":1}', timestampMs: 1_700_000_000_123 });
    expect(Object.fromEntries(record.headers)).toEqual({
      ce_specversion: '1.0',
      ce_id: row.event_id,
      ce_source: 'shop',
      ce_sourceid: 'uuid',
      ce_type: 'shop.order.placed',
      ce_time: '2023-11-14T22:13:20.123Z',
      ce_subject: 'k',
      ce_pos: '1.2.7.00000000000000ab',
      ce_prev: '1.1.3',
      ce_dataschema: 'urn:converge:a:2',
      traceparent: '00-ab',
      'content-type': 'application/json',
    });
    expect(new Set(record.headers.map(([name]) => name)).size).toBe(record.headers.length);
  });
  test('keeps a content type of the writer, and goes out even when hand-made headers are no JSON object', () => {
    const own = encoder.encode({ ...row, headers: '{"content-type":"text/plain"}' }, 'p', 'q').record;
    expect(own.headers.filter(([name]) => name === 'content-type')).toEqual([['content-type', 'text/plain']]);
    expect(encoder.encode({ ...row, headers: 'nonsense' }, 'p', 'q').record.headers).toHaveLength(10);
  });
  test('is counted with at least the bytes that it has on the wire', () => {
    const { record, bytes } = encoder.encode(
      { ...row, key: 'ключ', payload: '"é"' },
      '1.2.7.00000000000000ab',
      '1.1.3',
    );
    const wire = record.headers.reduce(
      (sum, [name, value]) => sum + 2 + name.length + Buffer.byteLength(value),
      10,
    );
    expect(bytes).toBeGreaterThanOrEqual(wire + Buffer.byteLength('ключ') + Buffer.byteLength('"é"'));
  });
});
