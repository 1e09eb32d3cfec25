import { manualClock } from '@convergekit/testing';
import { expect, it, onTestFinished } from 'vitest';
import type { IncomingBatch, IncomingRecord } from '../broker.ts';
import { FetchLoops } from './fetch-loops.ts';
import type { FetchWant, GroupLink } from './link.ts';
import { PartitionFlow } from './partition-flow.ts';
import { Signal } from './signal.ts';

/** Two partitions of one broker, which answers a fetch as soon as it has a record, on a manual clock. */
async function loops() {
  const clock = manualClock();
  const ends = [0, 0];
  const batches: { readonly batch: IncomingBatch; readonly end: () => void }[] = [];
  const changed = new Signal();
  const arrived = new Signal();
  const over = new AbortController();
  let fetches = 0;
  const recordsFrom = ({ topic, partition, offset }: FetchWant): readonly IncomingRecord[] =>
    Array.from({ length: (ends[partition] ?? 0) - Number(offset) }, (_, at) => ({
      topic,
      partition,
      offset: offset + BigInt(at),
      timestampMs: 0,
      key: null,
      value: null,
      headers: [],
    }));
  const fetch: GroupLink['fetch'] = async (_, wants, maxWaitMs) => {
    fetches += 1;
    const hasNone = (): boolean => wants.every((want) => recordsFrom(want).length === 0);
    const late = clock.sleep(maxWaitMs).then(() => 'late');
    while (hasNone()) if ((await Promise.race([arrived.next(), late])) === 'late') break;
    return wants.map((want) => {
      const end = BigInt(ends[want.partition] ?? 0);
      const { topic, partition } = want;
      return {
        ok: true,
        topic,
        partition,
        records: recordsFrom(want),
        bytes: 1,
        nextOffset: end,
        highWatermark: end,
      };
    });
  };
  const flows = new Map(
    [0, 1].map((partition) => {
      const flow = new PartitionFlow(
        { topic: 't', partition },
        {
          batch: (batch) => new Promise((end) => void batches.push({ batch, end })),
          placeLost: () => Promise.resolve(),
          commit: () => Promise.resolve(),
          wake: () => changed.notify(),
          failed: (error) => {
            throw error;
          },
        },
      );
      return [`t/${partition}`, flow];
    }),
  );
  const link = {
    fetch,
    nodeOf: () => 1,
    onLeaders: () => () => undefined,
  } as Partial<GroupLink> as GroupLink;
  const made = new FetchLoops({
    link,
    flows,
    changed,
    clock,
    ended: over.signal,
    maxWaitMs: 500,
    maxBytesPerPartition: 1_000,
    fetchStallMs: 3_600_000,
    log: () => undefined,
    onRecreated: () => undefined,
    handlers: {
      assigned: () => Promise.resolve(new Map()),
      batch: () => Promise.resolve(),
      revoked: () => undefined,
    },
    onFatal: (error) => {
      throw error;
    },
  });
  made.start();
  for (const flow of flows.values()) flow.start(0n);
  onTestFinished(async () => {
    over.abort();
    for (const { end } of batches) end();
    changed.notify();
    await clock.advance(3_600_000);
  });
  const arrive = async (partition: number): Promise<void> => {
    ends[partition] = (ends[partition] ?? 0) + 1;
    arrived.notify();
    await clock.advance(1);
  };
  const endBatch = async (): Promise<void> => {
    batches.at(-1)?.end();
    await clock.advance(0);
  };
  await clock.advance(0);
  return { clock, batches, arrive, endBatch, fetches: () => fetches };
}

/** Has the loops learn that a batch takes 20 ms. */
async function learnt() {
  const all = await loops();
  await all.arrive(0);
  await all.clock.advance(19);
  await all.endBatch();
  return all;
}

// Planted fault: without the wait each record of the second partition costs a fetch of its own.
it('records that come while a batch is in progress are fetched together when it has ended', async () => {
  const { batches, arrive, endBatch, fetches } = await learnt();
  await arrive(0);
  const before = fetches();
  for (let record = 0; record < 10; record += 1) await arrive(1);
  expect(fetches()).toBe(before);
  await endBatch();
  expect(batches.at(-1)?.batch.records).toHaveLength(10);
  expect(fetches()).toBe(before + 1);
});

// Planted fault: a batch that is waited for again with each fetch delays the records of all other partitions for as long as it takes.
it('a batch that takes longer than others delays one fetch, by the time that two take', async () => {
  const { clock, batches, arrive } = await learnt();
  await arrive(0);
  await arrive(1);
  await clock.advance(60);
  expect(batches.at(-1)?.batch).toMatchObject({ partition: 1 });
  batches.at(-1)?.end();
  await clock.advance(0);
  await arrive(1);
  expect(batches.map(({ batch }) => batch.partition)).toEqual([0, 0, 1, 1]);
});
