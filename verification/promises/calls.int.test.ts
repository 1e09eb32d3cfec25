import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { FixtureSource, sendRecords } from '@convergekit/inbox/testing';
import { defineConsumer, type Quota } from 'convergekit';
import { sagaWorker } from 'convergekit/process';
import { waitUntil } from '@convergekit/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  asked,
  failed,
  hurried,
  patient,
  type SceneDb,
  sceneCalls,
  succeeded,
} from '../../libs/saga/src/fixture/calls/calls.ts';
import { Provider } from '../../libs/saga/src/fixture/calls/provider.ts';
import { Children } from '../../libs/testing/src/fixture/children.ts';
import { Scene } from './fixture/scene.ts';

const TABLES =
  'create table outcome (line bigint generated always as identity, key text not null, answer text not null)';
type Called = ReturnType<typeof sceneCalls>[keyof ReturnType<typeof sceneCalls>];

let scene: Scene<SceneDb>;
let provider: Provider;
const children = new Children();
beforeEach(async () => {
  scene = await Scene.open<SceneDb>(TABLES);
  await scene.topics(asked.topic, succeeded.topic, failed.topic);
  provider = new Provider();
  await provider.start();
});
afterEach(async () => {
  await children.kill();
  await scene.close();
  await provider.stop();
});

/** A consumer that requests this call for each event; an event of key `bad` fails after that. */
const asking = (called: Called) =>
  defineConsumer<SceneDb>('orders', { from: 'first' })
    .calls(called)
    .on(asked, async (event, { call }) => {
      await call(called, event.data);
      if (event.data.key === 'bad') throw new TypeError('after the request');
    });
const outcomes = async () =>
  (await scene.rows<{ line: string }>(`select key || ' ' || answer as line from outcome order by 1`)).map(
    ({ line }) => line,
  );
interface Shown {
  readonly id: string;
  readonly key: string;
  readonly state: string;
  readonly stuckReason: string | null;
  readonly story: readonly {
    readonly op: string;
    readonly wait?: { readonly rule: string };
    readonly found?: string;
  }[];
}
const ALL = ['ready', 'calling', 'unknown', 'answered', 'stuck', 'done', 'failed'].flatMap((state) => [
  '--state',
  state,
]);
const listed = () => scene.json<Omit<Shown, 'story'>[]>('call', 'list', ...ALL);
const until = (lines: readonly string[]) =>
  scene.eventually(
    async () => (await outcomes()).join() === lines.join(),
    `the outcomes ${lines.join(', ')}`,
  );

it('G6a: a requested call is made once although its event is delivered twice, and never when its handler fails', async () => {
  const { keyed } = sceneCalls(provider.url, patient);
  const service = await scene.consume([asking(keyed)]);
  const source = new FixtureSource({ partitions: 1 });
  const records = ['a', 'bad', 'b'].map((key) => source.record(asked({ key })));
  await sendRecords(scene.broker, [...records, ...records]);
  await until(['a r-a', 'b r-b']);
  const { counts } = await waitUntil(
    () => {
      const [at] = service.status().flatMap(({ partitions }) => partitions);
      return at !== undefined && at.nextOffset >= 6n ? at : undefined;
    },
    { what: 'the repeats to be read' },
  );
  expect(counts.duplicates).toBeGreaterThanOrEqual(2);
  expect((await listed()).map(({ key }) => key).toSorted()).toEqual(['a', 'b']);
  expect(provider.calls.map(({ key }) => key).toSorted()).toEqual(['a', 'b']);
});

it('G6a: success and declared rejection of a call are recorded once, with an event that names what asked', async () => {
  provider.modes.set('keyed', ['normal', 'decline']);
  const { keyed } = sceneCalls(provider.url, patient);
  await scene.consume([asking({ ...keyed, concurrency: 1 })]);
  const ids = [await scene.emit(asked({ key: 'a' })), await scene.emit(asked({ key: 'b' }))];
  await until(['a r-a', 'b NO_FUNDS']);
  const answers = async () => (await scene.published()).filter(({ type }) => type !== asked.type);
  await scene.eventually(async () => (await answers()).length === 2, 'both answers');
  expect((await answers()).map(({ type, headers }) => [type, headers['ce_causationid']])).toEqual([
    ['test.succeeded', ids[0]],
    ['test.failed', ids[1]],
  ]);
});

describe('an unknown outcome', () => {
  // Planted fault: "not found" that is believed at once makes a call of `plain` before the lost one can have arrived.
  it.each([
    ['keyed', 'reply_lost'],
    ['keyed', 'request_lost'],
    ['keyed', 'hang'],
    ['plain', 'reply_lost'],
    ['plain', 'request_lost'],
    ['plain', 'hang'],
  ] as const)(
    'G6b: a %s call with %s is queried before it is repeated, and takes effect once',
    async (kind, mode) => {
      provider.modes.set(kind, [mode]);
      const called = sceneCalls(provider.url, { attemptTimeoutMs: 1_000, deadlineMs: 2_000 })[kind];
      await scene.consume([asking(called)], { worker: { leaseMs: 60_000 } });
      await scene.emit(asked({ key: 'a' }));
      await until(['a r-a']);
      expect(provider.effects.length).toBe(1);
      const [work] = await listed();
      const { story } = await scene.json<Shown>('call', 'show', work!.id);
      const sent = story.filter(({ op }) => op === 'call' || op === 'query');
      for (const [at, { op }] of sent.entries())
        if (op === 'call' && at > 0) expect(sent[at - 1]).toMatchObject({ op: 'query', found: 'not_found' });
      expect(sent.some(({ op }) => op === 'query')).toBe(true);
    },
  );

  it('G6b: an unknown outcome that can be neither repeated nor queried waits for an operator, with its reason', async () => {
    provider.modes.set('blind', ['reply_lost']);
    const { blind } = sceneCalls(provider.url, patient);
    await scene.consume([asking({ ...blind, concurrency: 1 })]);
    await scene.emit(asked({ key: 'a' }));
    await scene.emit(asked({ key: 'b' }));
    await until(['b r-b']);
    const [stuck] = await scene.json<Shown[]>('call', 'list', '--state', 'stuck');
    expect(stuck).toMatchObject({ key: 'a', stuckReason: 'outcome_unknown' });
    expect(provider.calls).toHaveLength(2);
    const said = ['--succeeded', '{"receipt":"r-a"}', '--reason', 'their ledger shows it', '--yes'];
    expect((await scene.cli('call', 'resolve', stuck!.id, ...said)).code).toBe(0);
    await until(['a r-a', 'b r-b']);
    expect(provider.calls).toHaveLength(2);
  });
});

/** A quota so slow that the slowest machine would exceed it. */
const quota: Quota = { name: 'provider', perSecond: 4, burst: 4 };
const program = fileURLToPath(
  new URL('../../libs/saga/src/fixture/calls/worker-process.ts', import.meta.url),
);

async function startWorker(): Promise<ChildProcess> {
  const calls = { PROVIDER_URL: provider.url, QUOTA: JSON.stringify(quota), CALL_MS: '60000' };
  const child = children.start(program, { ...calls, DATABASE_URL: scene.url });
  const { value } = (await child.stdout!.iterator({ destroyOnReturn: false }).next()) as { value: unknown };
  expect(String(value)).toContain('ready');
  return child;
}

// Planted faults: a quota of each process is exceeded twice over; attempts that only the claim counts exceed it by the retries.
it('S6, G6n: two worker processes never send a provider more than its quota, with retries and queries', async () => {
  const { keyed, plain } = sceneCalls(provider.url);
  provider.modes.set('keyed', ['fail', 'reply_lost', 'fail', 'reply_lost', 'fail']);
  provider.modes.set('plain', ['reply_lost']);
  const consumer = defineConsumer<SceneDb>('orders', { from: 'first' })
    .calls(keyed, plain)
    .on(asked, async (event, { call }) => {
      await call(event.data.key.startsWith('k') ? keyed : plain, event.data);
    });
  const workers = await Promise.all([startWorker(), startWorker()]);
  const begun = performance.now();
  await scene.consume([consumer], { worker: 'elsewhere' });
  const keys = [
    ...Array.from({ length: 8 }, (_, n) => `k${n}`),
    ...Array.from({ length: 4 }, (_, n) => `p${n}`),
  ];
  for (const key of keys) await scene.emit(asked({ key }));
  await scene.eventually(async () => (await outcomes()).length === keys.length, 'all calls to be answered');
  for (const child of workers) {
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[0]).toBe(0);
  }
  expect(provider.requests.length).toBeGreaterThan(15);
  // A request arrives after its call was taken, however late: no load of the machine brings it forward.
  const allowed = (at: number) => quota.burst + (quota.perSecond * (at - begun)) / 1_000;
  expect(Math.max(...provider.requests.map((at, index) => index + 1 - allowed(at)))).toBeLessThanOrEqual(0);
});

it('G6a: calls of a worker that is killed are taken up by another, and take effect once', async () => {
  const { keyed } = sceneCalls(provider.url, patient);
  const worker = await startWorker();
  await scene.consume([asking(keyed)], { worker: 'elsewhere' });
  provider.modes.set('keyed', ['hang']);
  await scene.emit(asked({ key: 'a' }));
  await waitUntil(() => provider.calls.length === 1, { what: 'the call' });
  worker.kill('SIGKILL');
  const { shared, ...quick } = hurried;
  await scene.run(sagaWorker([keyed], { database: scene.database, ...quick, ...(shared && { shared }) }));
  await until(['a r-a']);
  expect(provider.effects).toEqual([{ path: 'keyed', key: 'a' }]);
});
