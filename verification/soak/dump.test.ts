import { describe, expect, it } from 'vitest';
import { fieldSeparator as f, headerSeparator as h } from '../demo/collect/parse-dump.ts';
import { parseLine } from './dump.ts';

describe('a line of the console consumer', () => {
  it('a line of the console consumer is parsed into a record', () => {
    const line = `LogAppendTime:1764000000123${f}Partition:3${f}Offset:17${f}ce_id:e1${h}x:a:b${f}key${f}{"n":1,"a":"x:y"}`;
    expect(parseLine('t', line)).toEqual({
      topic: 't',
      partition: 3,
      offset: 17,
      appendedAtMs: 1_764_000_000_123,
      headers: { ce_id: 'e1', x: 'a:b' },
      key: 'key',
      payload: '{"n":1,"a":"x:y"}',
    });
  });

  it('a line of the console consumer is refused when it has another format, such as the time of its producer', () => {
    expect(() => parseLine('t', `CreateTime:1${f}Partition:0${f}Offset:0${f}a:b${f}k${f}v`)).toThrow(
      /something else than a record of t/,
    );
  });
});
