import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { makeTopics } from '@convergekit/inbox/testing';
import { seededRandom } from '@convergekit/core';
import { relay, sagaObserver } from 'convergekit/process';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { Children } from '../../libs/testing/src/fixture/children.ts';
import { listFailpoints } from './fixture/failpoints.ts';
import {
  asked,
  counted,
  KILLED_TABLES,
  killed,
  killedConsumers,
  type KilledDb,
  unheard,
} from './fixture/killed-service.ts';
import { Scene } from './fixture/scene.ts';

const program = fileURLToPath(new URL('fixture/killed-process.ts', import.meta.url));

/** Points that this service does not pass, and why. All others are passed and killed at. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'saga.after_stuck': 'nothing here waits for an operator: saga-operators.int.test.ts',
  'workflow.after_stuck':
    'nothing here waits for an operator: libs/cli/src/commands/workflow/workflow.int.test.ts',
  'workflow.after_operator': 'a command writes it',
};

/** Another choice in each run, repeated by the seed that a failure names. */
const seed = Number(process.env['SEED'] ?? randomInt(1_000_000));
/** All of them at full size; a seeded one in the first tier. */
const POINTS = listFailpoints().filter((name) => !(name in ELSEWHERE));
const random = seededRandom(seed);
const chosen = inject('full')
  ? POINTS
  : POINTS.map((name) => [random(), name] as const)
      .toSorted(([a], [b]) => a - b)
      .slice(0, 1)
      .map(([, name]) => name);

const ORDERS = ['good', 'busy', 'no', 'late', 'bad'];
const COUNTS = Array.from({ length: 24 }, (_, n) => `c${n}`);
const OUTCOMES = ['bad compensated', 'busy completed', 'good completed', 'late completed', 'no compensated'];

async function opened(): Promise<Scene<KilledDb>> {
  const scene = await Scene.open<KilledDb>(KILLED_TABLES, { local: true });
  onTestFinished(() => scene.close());
  const never = {
    tries: () => Promise.resolve(0),
    take: never0,
    has: () => Promise.resolve(false),
    giveBack: never0,
  };
  const observer = sagaObserver<KilledDb>({ sagas: [killed.declaration] });
  const all = [...killedConsumers(never), observer];
  const topics = all.flatMap(({ topics: own, failureTopic }) => [...own, failureTopic]);
  await makeTopics(scene.broker, [...new Set(topics)], 3);
  await scene.run(relay({ database: scene.database, broker: scene.broker, poll: { idleMs: 20 } }));
  const ids = { asked: ORDERS, counted: COUNTS, unheard: ['u1', 'u2', 'u3'] };
  for (const id of ids.asked) await scene.emit(asked({ id }), { isTopicMade: true });
  for (const id of ids.counted) await scene.emit(counted({ id }), { isTopicMade: true });
  for (const id of ids.unheard) await scene.emit(unheard({ id }), { isTopicMade: true });
  await scene.eventually(
    async () => (await scene.json<unknown[]>('outbox', 'list', '--pending')).length === 0,
    'all events to be published',
  );
  return scene;
}
const never0 = () => Promise.resolve();

function start(scene: Scene<KilledDb>, failpoint?: string): ChildProcess {
  const children = new Children();
  onTestFinished(() => children.kill());
  return children.start(program, {
    DATABASE_URL: scene.url,
    ...(failpoint !== undefined && { CONVERGE_FAILPOINT: failpoint }),
  });
}

/** What is left to be done, in words; empty at the end. */
async function unfinished(scene: Scene<KilledDb>): Promise<string> {
  const sagas = await scene.json<{ key: string; state: string }[]>('saga', 'list');
  const flows = await scene.json<{ id: string; state: string }[]>(
    ...['workflow', 'list', '--state', 'completed', '--state', 'compensated'],
  );
  const [count] = await scene.rows<{ n: number }>('select count(*)::int as n from counted');
  const waiting = await scene.json<unknown[]>('parked', 'list', '--state', 'waiting');
  const open = sagas.filter(({ state }) => state !== 'completed' && state !== 'compensated');
  const left = [
    ...(sagas.length < ORDERS.length || open.length > 0 ? [`sagas ${JSON.stringify(sagas)}`] : []),
    ...(flows.length < 2 ? [`workflows ${JSON.stringify(flows)}`] : []),
    ...((count?.n ?? 0) < COUNTS.length ? [`${count?.n} of ${COUNTS.length} counted`] : []),
    ...(waiting.length > 0 ? [`${waiting.length} parked`] : []),
  ];
  return left.join('; ');
}

async function ends(scene: Scene<KilledDb>, died: () => boolean = () => false): Promise<void> {
  let left = '';
  await waitUntil(async () => died() || (left = await unfinished(scene)) === '', {
    what: 'all to end',
    everyMs: 100,
  }).catch((error: unknown) => {
    throw new Error(left, { cause: error });
  });
}

it.each(chosen)(
  `S27, S31, G6a, G6b, G6c, G6j: a service that is killed at %s does all that it was asked for, once, when it runs again (SEED=${seed})`,
  async (point) => {
    const scene = await opened();
    const first = start(scene, point);
    await ends(scene, () => first.signalCode !== null || first.exitCode !== null);
    // The workload passes the point, else the kill shows nothing. Where it is the last act of all, the process is still dying.
    if (first.signalCode === null && first.exitCode === null) {
      first.kill('SIGTERM');
      await once(first, 'exit');
    }
    expect([point, first.signalCode]).toEqual([point, 'SIGKILL']);
    const second = start(scene);
    await ends(scene);
    second.kill('SIGTERM');
    await once(second, 'exit');

    const sagas = await scene.json<{ key: string; state: string }[]>('saga', 'list');
    expect(sagas.map(({ key, state }) => `${key} ${state}`).toSorted()).toEqual(OUTCOMES);
    const flows = await scene.json<{ id: string; state: string }[]>(
      ...['workflow', 'list', '--state', 'completed', '--state', 'compensated'],
    );
    const undone = new Set(
      [...sagas, ...flows.map(({ id, state }) => ({ key: id, state }))]
        .filter(({ state }) => state === 'compensated')
        .map(({ key }) => key),
    );
    const ledger = await scene.rows<{ name: string; undone: boolean }>(
      'select name, undone from ledger order by name',
    );
    // Each call took effect once at most, and stands only where what asked for it completed.
    expect(new Set(ledger.map(({ name }) => name)).size).toBe(ledger.length);
    const flowOf = (name: string) => name.replace(/-(first|lost|gone|kept|inner)$/, '');
    for (const one of ledger)
      expect([one.name, one.undone]).toEqual([
        one.name,
        one.name.endsWith('-inner') || undone.has(flowOf(one.name)),
      ]);
    for (const name of ['good', 'busy', 'late']) expect(ledger.map((one) => one.name)).toContain(name);
    const column = async (table: string) =>
      (await scene.rows<{ id: string }>(`select id from ${table} order by id`)).map(({ id }) => id);
    expect(await column('room')).toEqual(['busy', 'good', 'late']);
    expect(await column('parcel')).toEqual(['busy', 'good', 'late']);
    expect(await column('counted')).toEqual(COUNTS.toSorted());
    expect(await column('tenant')).toEqual(
      flows.flatMap(({ id, state }) => (state === 'completed' ? [id] : [])).toSorted(),
    );
    expect(await scene.cli('saga', 'verify')).toMatchObject({ code: 0 });
  },
);

it('every failpoint of slices, claims, outcomes and undos is killed at, or says where it is shown', () => {
  const all = listFailpoints();
  expect(all.length).toBeGreaterThan(40);
  expect(Object.keys(ELSEWHERE).filter((name) => !all.includes(name))).toEqual([]);
});
