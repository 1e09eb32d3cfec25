import { expect, it } from 'vitest';
import type { Exit } from '../../process.ts';
import { memoryCheck } from './memory.ts';
import { endedCheck } from './part.ts';

const exit = (fields: Partial<Exit>): Exit => ({
  pid: 7,
  code: 1,
  signal: null,
  expected: false,
  hadRun: true,
  ...fields,
});
const ended = (...exits: readonly Exit[]): readonly string[] =>
  endedCheck([{ spec: { name: 'relay-a' }, exits }]).findings;

it('a relay that ended by itself while it worked is found', () => {
  expect(ended(exit({}))).toEqual(['relay-a (pid 7) ended by itself with 1']);
});

it('a relay that the run killed, and one that could not start, are no findings', () => {
  expect(ended(exit({ expected: true, code: null, signal: 'SIGKILL' }), exit({ hadRun: false }))).toEqual([]);
});

const trend = (megabytesPerMinute: number, overMinutes: number) =>
  memoryCheck({ megabytesPerMinute, overMinutes, first: 100, last: 104, highest: 110 });

it('memory that grows above the bar is found, and a time that is too short is not judged', () => {
  expect(trend(1.1, 20)[0]?.findings).toEqual(['it grows by 1.10 MB a minute']);
  expect(trend(0.2, 20)[0]?.findings).toEqual([]);
  expect(trend(50, 3)).toEqual([]);
  expect(memoryCheck(undefined)).toEqual([]);
});
