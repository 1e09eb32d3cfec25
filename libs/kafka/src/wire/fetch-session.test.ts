import type { FetchWant } from '@convergekit/broker/engine';
import { expect, it } from 'vitest';
import { ByteWriter } from './byte-writer.ts';
import type { FetchAsked } from './fetch-request.ts';
import { FetchSession } from './fetch-session.ts';

interface Given {
  readonly errorCode?: number;
  readonly throttledMs?: number;
  readonly sessionId?: number;
  /** The partitions in the answer, by their high watermarks. */
  readonly ends?: Readonly<Record<number, bigint>>;
}

function answer({ errorCode = 0, throttledMs = 0, sessionId = 7, ends = {} }: Given): Buffer {
  const entries = Object.entries(ends);
  const body = new ByteWriter().int32(throttledMs).int16(errorCode).int32(sessionId);
  body.int32(1).string('t').int32(entries.length);
  for (const [partition, end] of entries)
    body.int32(Number(partition)).int16(0).int64(end).int64(end).int64(0n).int32(0).int32(-1).int32(0);
  return body.finish();
}

const want = (partition: number, offset: bigint): FetchWant => ({
  topic: 't',
  partition,
  offset,
  maxBytes: 1_000,
});

/** Fetches once, and returns what was asked of the broker. */
async function ask(session: FetchSession, wants: readonly FetchWant[], ...answers: readonly Given[]) {
  const asked: FetchAsked[] = [];
  const left = [...answers];
  const send = (one: FetchAsked): Promise<Buffer> => {
    asked.push(one);
    const given = left.shift();
    return given === undefined ? Promise.reject(new Error('lost')) : Promise.resolve(answer(given));
  };
  const fetched = await session.fetch(wants, send).catch((error: unknown) => error);
  return { fetched, asked: asked.map((one) => [one.sessionId, one.epoch, ...named(one)]) };
}

const named = ({ wants, forgotten }: FetchAsked): readonly string[] => [
  ...wants.map(({ partition, offset }) => `${partition}@${offset}`),
  ...forgotten.map(({ partition }) => `-${partition}`),
];
const both = { ends: { 0: 5n, 1: 9n } };

// Planted faults, each seen to fail here: all wants in each request; no forgotten partitions; the epoch kept.
it('names only what changed, and what has left', async () => {
  const session = new FetchSession();
  const begun = await ask(session, [want(0, 5n), want(1, 5n)], both);
  expect(begun.asked).toEqual([[0, 0, '0@5', '1@5']]);
  const next = await ask(session, [want(0, 5n), want(1, 9n)], {});
  expect(next.asked).toEqual([[7, 1, '1@9']]);
  const last = await ask(session, [want(1, 9n)], {});
  expect(last.asked).toEqual([[7, 2, '-0']]);
});

// Planted fault: without these answers a partition at the end of its log looks like one that is not fetched.
it('a partition without news has an answer without records, with the last end of its log', async () => {
  const session = new FetchSession();
  await ask(session, [want(0, 5n), want(1, 9n)], both);
  const { fetched } = await ask(session, [want(0, 5n), want(1, 9n)], { ends: { 0: 6n } });
  expect(fetched).toMatchObject([
    { partition: 0, highWatermark: 6n },
    { partition: 1, ok: true, records: [], nextOffset: 9n, highWatermark: 9n },
  ]);
});

// Planted fault: the end that a partition had before it left is reported for it once it is back.
it('a partition that left and is back has no answer before the broker says its end', async () => {
  const session = new FetchSession();
  await ask(session, [want(0, 5n), want(1, 9n)], both);
  await ask(session, [want(0, 5n)], {});
  expect((await ask(session, [want(0, 5n), want(1, 9n)], {})).fetched).toMatchObject([{ partition: 0 }]);
});

it.each([
  [70, 'does not know it'],
  [71, 'expects another epoch'],
])('asks for all again when the broker answers %i: it %s', async (errorCode) => {
  const session = new FetchSession();
  await ask(session, [want(0, 5n), want(1, 9n)], both);
  const { asked, fetched } = await ask(
    session,
    [want(0, 5n), want(1, 9n)],
    { errorCode, sessionId: 0 },
    { ...both, sessionId: 8 },
  );
  expect(asked).toEqual([
    [7, 1],
    [7, 0, '0@5', '1@9'],
  ]);
  expect(fetched).toHaveLength(2);
  expect((await ask(session, [want(0, 5n), want(1, 9n)], {})).asked).toEqual([[8, 1]]);
});

// Planted fault: a session that goes on after a lost answer misses the records in it.
it('begins anew after a lost answer, and after one that cannot be read', async () => {
  const session = new FetchSession();
  await ask(session, [want(0, 5n), want(1, 9n)], both);
  expect((await ask(session, [want(0, 5n), want(1, 9n)])).fetched).toMatchObject({ message: 'lost' });
  expect((await ask(session, [want(0, 5n), want(1, 9n)], both)).asked).toEqual([[7, 0, '0@5', '1@9']]);
  expect((await ask(session, [want(0, 5n)], { errorCode: -1 })).fetched).toBeInstanceOf(Error);
  expect((await ask(session, [want(0, 5n)], both)).asked).toEqual([[7, 0, '0@5']]);
});

it('sends full requests to a broker without room for a session', async () => {
  const session = new FetchSession();
  for (let round = 0; round < 2; round += 1) {
    const { asked } = await ask(session, [want(0, 5n)], { sessionId: 0, ends: { 0: 5n } });
    expect(asked).toEqual([[0, 0, '0@5']]);
  }
});

// Planted fault: the second request of two memberships names what differs from the first one's, which the broker forgets.
it('a fetch that begins while another waits goes behind it, in the same session', async () => {
  const session = new FetchSession();
  const first = Promise.withResolvers<Buffer>();
  const asked: string[][] = [];
  const send = (one: FetchAsked, given: Promise<Buffer>): Promise<Buffer> => {
    asked.push([...named(one)]);
    return given;
  };
  const before = session.fetch([want(0, 5n), want(1, 5n)], (one) => send(one, first.promise));
  const after = session.fetch([want(1, 5n), want(2, 5n)], (one) => send(one, Promise.resolve(answer({}))));
  await new Promise(setImmediate);
  expect(asked).toEqual([['0@5', '1@5']]);
  first.resolve(answer({ ends: { 0: 5n, 1: 5n } }));
  await Promise.all([before, after]);
  expect(asked).toEqual([
    ['0@5', '1@5'],
    ['2@5', '-0'],
  ]);
});

// Planted fault: the stall watch takes an answer that a quota keeps empty for one of each partition.
it('an answer that a quota keeps empty answers for no partition, and is known as throttled until one brings news', async () => {
  const session = new FetchSession();
  await ask(session, [want(0, 5n), want(1, 9n)], both);
  const { fetched } = await ask(session, [want(0, 5n), want(1, 9n)], { throttledMs: 5 });
  expect([fetched, session.isThrottled]).toEqual([[], true]);
  await ask(session, [want(0, 5n), want(1, 9n)]);
  expect(session.isThrottled).toBe(true);
  await ask(session, [want(0, 5n), want(1, 9n)], { ...both, throttledMs: 5 });
  expect(session.isThrottled).toBe(false);
});

it('begins anew every ten seconds', async () => {
  let now = 0;
  const session = new FetchSession({ monotonic: () => now });
  await ask(session, [want(0, 5n)], { ends: { 0: 5n } });
  now = 9_999;
  expect((await ask(session, [want(0, 5n)], {})).asked).toEqual([[7, 1]]);
  now = 10_000;
  expect((await ask(session, [want(0, 5n)], { ends: { 0: 5n } })).asked).toEqual([[7, 0, '0@5']]);
});
