import { parsePosition, type Position } from '@convergekit/contracts/engine';
import { describe, expect, it } from 'vitest';
import type { Start } from '../define/types.ts';
import { judge, type Seen, type Verdict } from './judge.ts';

const seenOf = (...texts: readonly string[]): Seen =>
  new Map(texts.map((text) => [parsePosition(text).epoch, parsePosition(text)]));
const at = (text: string): Position => parsePosition(text);

interface Row {
  readonly name: string;
  readonly position: string;
  readonly prev?: string;
  readonly seen?: readonly string[];
  readonly from?: Start;
  readonly verdict: Verdict;
}

const rows: readonly Row[] = [
  {
    name: 'the event after the watermark is next',
    position: '1.5.9',
    prev: '1.4.7',
    seen: ['1.4.7'],
    verdict: { kind: 'next' },
  },
  {
    name: 'an event whose predecessor is below the watermark is next',
    position: '1.5.9',
    prev: '1.4.6',
    seen: ['1.4.7'],
    verdict: { kind: 'next' },
  },
  {
    name: 'the event at the watermark is a duplicate',
    position: '1.4.7',
    prev: '1.4.6',
    seen: ['1.4.7'],
    verdict: { kind: 'duplicate' },
  },
  {
    name: 'a lower id of a later tick is not a duplicate',
    position: '1.5.1',
    prev: '1.4.7',
    seen: ['1.4.7'],
    verdict: { kind: 'next' },
  },
  {
    name: 'a higher id of an earlier tick is a duplicate',
    position: '1.3.9',
    prev: '1.3.8',
    seen: ['1.4.7'],
    verdict: { kind: 'duplicate' },
  },
  {
    name: 'an event whose predecessor is above the watermark is a gap',
    position: '1.6.1',
    prev: '1.5.9',
    seen: ['1.4.7'],
    verdict: { kind: 'gap', after: at('1.4.7') },
  },
  {
    name: 'an event without a predecessor is a gap',
    position: '1.6.1',
    seen: ['1.4.7'],
    verdict: { kind: 'gap', after: at('1.4.7') },
  },
  {
    name: 'with the start `first`, the first event of a partition is next',
    position: '1.1.1',
    prev: '1.0.0',
    verdict: { kind: 'next' },
  },
  {
    name: 'with the start `first`, any other first event is a gap',
    position: '1.2.1',
    prev: '1.1.1',
    verdict: { kind: 'gap', after: undefined },
  },
  {
    name: 'with the start earliest, any first event is the start',
    position: '1.2.1',
    prev: '1.1.1',
    from: 'earliest',
    verdict: { kind: 'next' },
  },
  {
    name: 'with the start now, any first event is the start',
    position: '1.2.1',
    prev: '1.1.1',
    from: 'latest',
    verdict: { kind: 'next' },
  },
  {
    name: 'with the start now, a gap after the start is still a gap',
    position: '1.6.1',
    prev: '1.5.9',
    seen: ['1.4.7'],
    from: 'latest',
    verdict: { kind: 'gap', after: at('1.4.7') },
  },
  {
    name: 'the first event of a new epoch names the last of the old one, and is next',
    position: '2.5.1',
    prev: '1.4.7',
    seen: ['1.4.7'],
    verdict: { kind: 'next' },
  },
  {
    name: 'a new epoch does not hide a gap before it',
    position: '2.5.1',
    prev: '1.4.8',
    seen: ['1.4.7'],
    verdict: { kind: 'gap', after: at('1.4.7') },
  },
  {
    name: 'the first event after the marker of its epoch still names the last of the old one, and is next',
    position: '2.5.1',
    prev: '1.4.7',
    seen: ['1.4.7', '2.0.0'],
    verdict: { kind: 'next' },
  },
  {
    name: 'the first event of a new epoch is next for a consumer that is beyond the predecessor that it names',
    position: '2.5.1',
    prev: '1.4.7',
    seen: ['1.6.2', '2.0.0'],
    verdict: { kind: 'next' },
  },
  {
    name: 'the marker of an epoch does not hide a gap in the old one',
    position: '2.5.1',
    prev: '1.4.8',
    seen: ['1.4.7', '2.0.0'],
    verdict: { kind: 'gap', after: at('1.4.7') },
  },
  {
    name: 'the marker of an epoch alone supersedes the old one',
    position: '1.4.8',
    prev: '1.4.7',
    seen: ['1.4.7', '2.0.0'],
    verdict: { kind: 'superseded', epoch: 2 },
  },
  {
    name: 'an event of the new epoch in a window before the fork is next after the marker',
    position: '2.3.9',
    prev: '1.4.7',
    seen: ['1.4.7', '2.0.0'],
    verdict: { kind: 'next' },
  },
  {
    name: 'a consumer that began after the fork needs nothing of the old epoch',
    position: '2.5.1',
    prev: '1.4.7',
    seen: ['2.0.0'],
    from: 'latest',
    verdict: { kind: 'next' },
  },
  {
    name: 'a repeat from the old epoch stays a duplicate',
    position: '1.4.7',
    prev: '1.4.6',
    seen: ['1.4.7', '2.5.1'],
    verdict: { kind: 'duplicate' },
  },
  {
    name: 'a new position of an old epoch is superseded, because the old primary still writes',
    position: '1.4.8',
    prev: '1.4.7',
    seen: ['1.4.7', '2.5.1'],
    verdict: { kind: 'superseded', epoch: 2 },
  },
  {
    name: 'an epoch that was never seen, below the known one, is superseded too',
    position: '1.4.8',
    prev: '1.4.7',
    seen: ['2.5.1'],
    verdict: { kind: 'superseded', epoch: 2 },
  },
];

describe('G4a: judge', () => {
  it.each(rows)('$name', ({ position, prev, seen = [], from = 'first', verdict }) => {
    const mark = { source: 's', position: at(position), prev: prev === undefined ? undefined : at(prev) };
    expect(judge(mark, seenOf(...seen), from)).toEqual(verdict);
  });
});
