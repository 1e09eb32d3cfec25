import { kyselyTransaction } from '@convergekit/postgres/engine';
import type { ReceivedEvent } from '@convergekit/contracts';
import { afterEach, expect, it } from 'vitest';
import { effect } from '../effect/effect.ts';
import { database, effects, provider, sceneForEach } from '../../fixture/effects/provider-scene.ts';
import { hurried, type SceneDb, sceneEffects, sharedWith } from '../../fixture/effects/scene.ts';
import { reservePlace } from '../work/announce.ts';
import { declareEffects } from '../work/worker-sql.ts';
import { claiming } from './claiming.ts';
import { resolveOptions } from './options.ts';
import { sagaWorker } from './saga-worker.ts';

const ended = new AbortController();
const quiet = sharedWith({ minimumCalls: 1_000_000 });
let deaf: (() => void) | undefined;
sceneForEach();
afterEach(() => deaf?.());

/** A worker that looks on request. */
function worker(
  of: readonly (keyof typeof effects)[],
  { from = effects, shared = quiet }: { from?: typeof effects; shared?: typeof quiet } = {},
) {
  const given = of.map((name) => ({ ...from[name], concurrency: 2 }));
  const options = resolveOptions<SceneDb>(given, { ...hurried, database, shared });
  const claims = claiming(options, ended.signal, () => undefined);
  ({ deaf } = claims);
  return { ...claims, reserve: (name: string) => reservePlace(database.db, name) };
}

async function request(key: string): Promise<void> {
  await declareEffects(database.executor, ['test.keyed'], 'w');
  await kyselyTransaction(database.db, {}, (tx) => {
    const event = { id: key, key, position: {}, hops: 0 } as unknown as ReceivedEvent;
    return effect({ tx, consumer: 'orders', handler: 'test', event }, effects.keyed, { key });
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
  [
    'a call with a quota',
    () => {
      const quota = { name: 'q', perSecond: 100, burst: 100 };
      return worker(['keyed'], { from: sceneEffects('http://127.0.0.1:1', {}, quota) });
    },
    'test.keyed',
  ],
  ['an effect of another worker', () => worker(['plain']), 'test.keyed'],
])('reserves nothing for %s', async (_, open, name) => {
  const { claim, reserve } = open();
  await claim().catch(() => undefined);
  expect(reserve(name)).toBeUndefined();
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
  const stopping = sagaWorker<SceneDb>([effects.keyed], { ...hurried, database, drainMs: 1 });
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
