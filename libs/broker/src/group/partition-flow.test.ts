import { describe, expect, it } from 'vitest';
import type { IncomingBatch, IncomingRecord } from '../broker.ts';
import { type FlowHooks, PartitionFlow } from './partition-flow.ts';

const place = { topic: 't', partition: 0 };
const recordAt = (offset: number): IncomingRecord => ({
  ...place,
  offset: BigInt(offset),
  timestampMs: 0,
  key: null,
  value: null,
  headers: [],
});

/** A flow whose handler works until the test ends it. */
function flowOf() {
  const batches: IncomingBatch[] = [];
  const ends: (() => void)[] = [];
  const hooks: FlowHooks = {
    batch: (batch) => {
      batches.push(batch);
      return new Promise((resolve) => ends.push(resolve));
    },
    placeLost: () => Promise.resolve(),
    commit: () => Promise.resolve(),
    wake: () => undefined,
    failed: (error) => {
      throw error;
    },
  };
  const flow = new PartitionFlow(place, hooks);
  flow.start(0n);
  const fetch = (from: number, count: number, bytes = 0): void => {
    const records = Array.from({ length: count }, (_, index) => recordAt(from + index));
    const nextOffset = BigInt(from + count);
    const asked = { turn: flow.turn, offset: BigInt(from) };
    flow.accept({ ok: true, ...place, records, bytes, nextOffset, highWatermark: nextOffset }, asked);
  };
  const endBatch = async (): Promise<void> => {
    ends.shift()?.();
    await new Promise(setImmediate);
  };
  return { flow, batches, fetch, endBatch };
}

describe('what is fetched ahead of a handler at work', () => {
  // Planted fault: a flow that is busy with one record ahead ends the long waits of all partitions of its broker.
  it('few records ahead leave the partition fetchable, and arrive as one batch in order', async () => {
    const { flow, batches, fetch, endBatch } = flowOf();
    fetch(0, 1);
    for (let at = 1; at < 100; at += 1) {
      fetch(at, 1);
      expect(flow.demand).toBe('fetchable');
    }
    fetch(100, 1);
    expect(flow.demand).toBe('busy');
    await endBatch();
    expect(flow.demand).toBe('fetchable');
    expect(batches.map(({ records }) => records.length)).toEqual([1, 100]);
    expect(batches[1]?.records.map(({ offset }) => Number(offset))).toEqual(
      Array.from({ length: 100 }, (_, index) => index + 1),
    );
    expect(batches[1]?.highWatermark).toBe(101n);
  });

  it('large records ahead make the partition busy', () => {
    const { flow, fetch } = flowOf();
    fetch(0, 1);
    fetch(1, 1, 60_000);
    expect(flow.demand).toBe('fetchable');
    fetch(2, 1, 60_000);
    expect(flow.demand).toBe('busy');
  });

  // Planted fault: without the comparison of offsets, the records come twice and the position goes back.
  it('a late answer of a former leader changes nothing: its records came from the new one', () => {
    const { flow, batches, fetch } = flowOf();
    fetch(0, 5);
    fetch(0, 5);
    fetch(0, 0);
    expect(flow.position).toBe(5n);
    expect(batches.map(({ records }) => records.length)).toEqual([5]);
    expect(flow.demand).toBe('fetchable');
    fetch(5, 1);
    expect(flow.position).toBe(6n);
  });

  it('a seek drops what is ahead', async () => {
    const { flow, batches, fetch, endBatch } = flowOf();
    fetch(0, 1);
    fetch(1, 1);
    fetch(2, 1);
    flow.control.seek(1n);
    fetch(1, 1);
    await endBatch();
    expect(batches[1]?.records.map(({ offset }) => offset)).toEqual([1n]);
  });
});
