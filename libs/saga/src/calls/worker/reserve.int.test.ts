import { kyselyTransaction } from '@convergekit/postgres/engine';
import type { ReceivedEvent } from '@convergekit/contracts';
import { ownedAttempt } from '@convergekit/resilience/engine';
import { afterEach, expect, it } from 'vitest';
import { database, calls, provider, sceneForEach } from '../../fixture/calls/provider-scene.ts';
import { hurried, patient, type SceneDb, sceneCalls, sharedWith } from '../../fixture/calls/scene.ts';
import { reservePlace } from '../work/announce.ts';
import { type ClaimRow, claimedOf } from '../work/claim-sql.ts';
import { declareCalls } from '../work/worker-sql.ts';
import { claiming } from './claiming.ts';
import { resolveOptions } from './options.ts';
import { sagaWorker } from '../../saga-worker.ts';

const ended = new AbortController();
const quiet = sharedWith({ minimumCalls: 1_000_000 });
let deaf: (() => void) | undefined;
sceneForEach();
afterEach(() => deaf?.());

/** A worker that looks on request. */
function worker(
  of: readonly (keyof typeof calls)[],
  { from = calls, shared = quiet }: { from?: typeof calls; shared?: typeof quiet } = {},
) {
  const given = of.map((name) => ({ ...from[name], concurrency: 2 }));
  const options = resolveOptions<SceneDb>(given, { ...hurried, database, shared });
  const claims = claiming(options, ended.signal, () => undefined);
  ({ deaf } = claims);
  return { ...claims, reserve: (name: string) => reservePlace(database.db, name) };
}

async function request(key: string): Promise<void> {
  await declareCalls(database.executor, ['test.keyed'], 'w');
  await kyselyTransaction(database.db, {}, (tx) => {
    const event = { id: key, key, position: {}, hops: 0 } as unknown as ReceivedEvent;
    return calls.keyed.request({ key }, { tx, consumer: 'orders', handler: 'test', event });
  });
}

// Planted faults, each seen to fail here: places that are not counted; a place that comes back twice.
it('reserves as many places as are free, and again when one comes back', async () => {
  const { claim, reserve, places } = worker(['keyed']);
  await claim();
  const [first, second, third] = [1, 2, 3].map(() => reserve('test.keyed'));
  expect([first, second, third]).toMatchObject([{ leaseMs: 1_000 }, { leaseMs: 1_000 }, undefined]);
  first?.free();
  expect(reserve('test.keyed')).toBeDefined();
  expect(reserve('test.keyed')).toBeUndefined();
  let isEmpty = false;
  void places.empty().then(() => (isEmpty = true));
  await new Promise(setImmediate);
  expect(isEmpty).toBe(false);
});

// Planted fault: a new call that begins at once overtakes those that wait since before.
it('reserves nothing before the first look, nor while a look left due work', async () => {
  const { claim, reserve } = worker(['keyed']);
  expect(reserve('test.keyed')).toBeUndefined();
  provider.modes.set('keyed', ['hang', 'hang', 'hang']);
  for (const key of ['a', 'b', 'c']) await request(key);
  await claim();
  expect(reserve('test.keyed')).toBeUndefined();
});

it.each([
  ['a call that can be neither repeated nor queried', () => worker(['blind']), 'test.blind'],
  ['a call that can only be queried: "not found" is final late', () => worker(['plain']), 'test.plain'],
  [
    'a call with a quota',
    () => {
      const quota = { name: 'q', perSecond: 100, burst: 100 };
      return worker(['keyed'], { from: sceneCalls('http://127.0.0.1:1', {}, quota) });
    },
    'test.keyed',
  ],
  ['a call of another worker', () => worker(['blind']), 'test.keyed'],
])('reserves nothing for %s', async (_, open, name) => {
  const { claim, reserve } = open();
  await claim().catch(() => undefined);
  expect(reserve(name)).toBeUndefined();
});

// Planted fault: a look may take each place that was free when it began, and so does a slice meanwhile.
it('reserves nothing while a look is under way', async () => {
  const { claim, reserve } = worker(['keyed']);
  await claim();
  const looking = claim();
  expect(reserve('test.keyed')).toBeUndefined();
  await looking;
  expect(reserve('test.keyed')).toBeDefined();
});

// Planted fault: within the attempt of its slice the call has one attempt, whatever its policy says.
it('makes the call outside the slice that inserted it, with all attempts of its policy', async () => {
  const twice = sceneCalls(provider.url, { ...patient, attempts: 2 });
  const { claim, reserve } = worker(['keyed'], { from: twice });
  provider.modes.set('keyed', ['fail', 'fail']);
  await request('a');
  const { rows } = await database.executor.query<ClaimRow>(
    `update converge.saga_work set state = 'calling', holder = 'h', due_at = due_at + interval '1 hour'
     returning *, idempotency_key as "idempotencyKey", 'ready' as found, created_at::text as "createdAt", term::text, 0 as "ageMs",
       0 as "finalInMs", false as doubt, null as "doubtUntil", 0 as "finalMs", false as covered`,
  );
  await claim();
  await ownedAttempt(() => {
    for (const row of rows) reserve('test.keyed')?.begin(claimedOf(row));
    expect(provider.calls).toEqual([]);
    return Promise.resolve();
  });
  await expect.poll(() => provider.requests.length).toBe(2);
});

// Planted fault: a call that is committed while its worker stops waits until its lease ends.
it('reserves nothing once the worker stops', async () => {
  const { claim, reserve, deaf: stop } = worker(['keyed']);
  await claim();
  stop();
  expect(reserve('test.keyed')).toBeUndefined();
});

// Planted fault: a worker that waits for the transaction of each place does not stop before its database answers.
it('a transaction that hangs with a place does not keep the worker from its stop', async () => {
  const stopping = sagaWorker<SceneDb>([calls.keyed], { ...hurried, database, drainMs: 1 });
  await stopping.start();
  await expect.poll(() => reservePlace(database.db, 'test.keyed')).toBeDefined();
  await stopping.stop();
  expect(reservePlace(database.db, 'test.keyed')).toBeUndefined();
});

// Planted fault: calls behind an open breaker are held by a worker that may not make them.
it.each([
  ['closed', Number.POSITIVE_INFINITY, true],
  ['half open', 1, false],
  ['open', 0, false],
])('behind a breaker that is %s, a place is reserved or left to the looks', async (_, room, isReserved) => {
  const breakers = new Map([['test.keyed', { room }]]);
  const shared = Object.create(quiet, { breakers: { value: breakers } }) as typeof quiet;
  const { claim, reserve } = worker(['keyed'], { shared });
  await claim();
  expect(reserve('test.keyed') !== undefined).toBe(isReserved);
});
