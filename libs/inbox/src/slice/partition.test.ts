import { manualClock } from '@convergekit/testing';
import { describe, expect, it } from 'vitest';
import { fetchStalled } from '../member/pause.ts';
import type { SliceContext } from './context.ts';
import type { Halt } from './fence-sql.ts';
import { Partition } from './partition.ts';

const breaker = { code: 'breaker_open', reason: 'the breaker is open', forMs: 1 } as const;
const stalled = { reason: 'no_leader', forMs: 1, behind: undefined } as const;
const halted: Halt = { code: 'paused', reason: 'paused by ann' };

/** A partition without a database, and the log lines of its pauses. */
function scene() {
  const lines: unknown[] = [];
  const line = ({ alarm }: { alarm?: string }, text: string) => void lines.push([alarm, text]);
  const context = {
    clock: manualClock(),
    log: { info: line, warn: line },
  } as unknown as SliceContext<unknown>;
  const row = {
    topicId: null,
    nextOffset: 0n,
    fills: 0n,
    server: 'one',
    waitCode: null,
    readMs: 0,
    keysParked: false,
    passOffset: undefined,
    rejected: new Set<bigint>(),
  };
  const loaded = (halt?: Halt) => ({
    row: { ...row, filled: false, paused: false, halted: halt },
    watermarks: undefined,
    held: undefined,
    known: undefined,
  });
  const key = { consumer: 'c', topic: 't', partition: 0 };
  const partition = new Partition(key, 'first', { sliceMs: 100, sliceSize: 100 }, loaded());
  return { context, partition, lines, load: (halt?: Halt) => partition.reload(loaded(halt)) };
}

describe('a pause that a halt interrupted', () => {
  // Planted faults: a resume that forgets the pause, a second halt that does, and a pause that begins anew.
  it('a partition waits again for the pause that a halt interrupted, since the time when that began', () => {
    const { partition, load } = scene();
    partition.pauseWith(breaker, 7);
    load(halted);
    load({ ...halted, code: 'gap' });
    expect([partition.halt?.code, partition.pause]).toEqual(['gap', undefined]);
    load();
    expect(partition.pause).toEqual({ ...breaker, since: 7 });
    partition.pauseWith(breaker, 9);
    expect(partition.endPause()).toEqual({ ...breaker, since: 7 });
    expect(partition.waiting).toEqual({ kind: 'running' });
  });

  it('a partition that pauses while it is halted stays halted, and pauses when it is resumed', () => {
    const { partition, load } = scene();
    load(halted);
    partition.pauseWith(breaker, 7);
    expect(partition.waiting.kind).toBe('halted');
    load();
    expect(partition.pause).toEqual({ ...breaker, since: 7 });
  });

  // Planted fault: the end of a stall that only a pause notes. The partition then waits for its leader for ever, as it says.
  it('a partition whose leader came back while it was halted runs when it is resumed, and the stall was reported once', () => {
    const { context, partition, lines, load } = scene();
    fetchStalled(context, partition, stalled);
    load(halted);
    fetchStalled(context, partition, stalled);
    expect(lines).toHaveLength(1);
    fetchStalled(context, partition, undefined);
    expect(partition.halt).toEqual(halted);
    load();
    expect(partition.waiting).toEqual({ kind: 'running' });
    expect(lines).toHaveLength(1);
  });
});
