import { describe, expect, it } from 'vitest';
import { parseLine, recordsPerTopic } from './read-log.ts';

const [f, h] = ['\u0001', '\u0002'];

describe('the console consumer’s output', () => {
  it('the console consumer’s output is parsed into records, with any text in a header or payload', () => {
    const headers = `ce_id:e1${h}ce_time:2026-11-24T17:00:00.000Z${h}tracestate:a=1,b=2`;
    const line = `LogAppendTime:1764000000123${f}Partition:3${f}Offset:17${f}${headers}${f}key-1${f}{"a":"x:y,\\tz"}`;
    expect(parseLine('t', line)).toEqual({
      topic: 't',
      partition: 3,
      offset: 17,
      appendedAtMs: 1_764_000_000_123,
      key: 'key-1',
      headers: { ce_id: 'e1', ce_time: '2026-11-24T17:00:00.000Z', tracestate: 'a=1,b=2' },
      payload: '{"a":"x:y,\\tz"}',
    });
  });

  it('the console consumer’s output is refused when it has another format', () => {
    expect(() => parseLine('t', 'Processed a total of 3 messages')).toThrow(
      /something else than a record of t/,
    );
  });

  it('the time of a producer is not taken for that of the log', () => {
    const line = `CreateTime:1${f}Partition:0${f}Offset:0${f}a:b${f}k${f}v`;
    expect(parseLine('t', line).appendedAtMs).toBeNaN();
  });

  it('the records of a topic are counted over its partitions', () => {
    const counts = recordsPerTopic([
      'shop.orders:0:4',
      'shop.orders:1:0',
      'noise',
      'shop.orders:2:5',
      'other:0:1',
    ]);
    expect([...counts]).toEqual([
      ['shop.orders', 9],
      ['other', 1],
    ]);
  });
});
