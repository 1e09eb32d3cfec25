import { describe, expect, it } from 'vitest';
import { fieldSeparator as f, headerSeparator as h, parseLine, recordsPerTopic } from './parse-dump.ts';

describe('the console consumer’s output', () => {
  it('the console consumer’s output is parsed into records, with any text in a header or payload', () => {
    const headers = `ce_id:e1${h}ce_time:2026-11-24T17:00:00.000Z${h}tracestate:a=1,b=2`;
    const line = `Partition:3${f}Offset:17${f}${headers}${f}key-1${f}{"a":"x:y,\\tz"}`;
    expect(parseLine('t', line)).toEqual({
      topic: 't',
      partition: 3,
      offset: 17n,
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

  it('the records of a topic are counted over its partitions', () => {
    const counts = recordsPerTopic('shop.orders:0:4\nshop.orders:1:0\nnoise\nshop.orders:2:5\nother:0:1\n');
    expect([...counts]).toEqual([
      ['shop.orders', 9],
      ['other', 1],
    ]);
  });
});
