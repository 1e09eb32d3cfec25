import type { Service } from 'convergekit';
import { sagaObserver, sagaWorker } from 'convergekit/process';
import type { Database } from 'convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { Provider } from '../../libs/saga/src/fixture/calls/provider.ts';
import {
  ended,
  hurried,
  outcomes,
  request,
  sceneDatabase,
  sceneCalls,
  workRows,
} from '../../libs/saga/src/fixture/calls/scene.ts';
import {
  Moods,
  order,
  orderConsumers,
  type OrderDb,
  orderTables,
  placed,
} from '../../libs/saga/src/fixture/order-saga.ts';
import { Counting, failing, why } from './fixture/consumers.ts';
import { LostAnswers, type TypedTwice } from './fixture/lost-answers.ts';
import { Scene } from './fixture/scene.ts';

async function lineTo(url: string, database: Pick<Database, 'acquire' | 'executor'>): Promise<LostAnswers> {
  const line = await LostAnswers.of(url, database);
  onTestFinished(() => line.close());
  return line;
}

/** What both commands say: the first that it cannot know, the second what was done before. */
function expectSaid({ lost, again }: TypedTwice, done: string): void {
  expect([lost.code, lost.stderr]).toEqual([1, expect.stringContaining('`converge audit --limit 5` lists')]);
  expect(again.stderr).toMatch(new RegExp(`^last act on .+ ${done} at .+: deployed the fix$`, 'm'));
}

// Planted fault: an act that changes nothing leaves a row.
it('G5k: an act on dead letters whose answer was lost, typed again, changes nothing twice, does what is left, and says what was done', async () => {
  const stock = await Counting.open({ local: true });
  onTestFinished(() => stock.scene.close());
  stock.throws = () => failing('BROKEN', 'bug');
  const service = await stock.start();
  await stock.emit(...['a', 'b', 'c', 'd', 'e'].map((key, n) => [key, n] as const));
  await waitUntil(async () => (await stock.dead()).length === 5, { what: 'the dead letters' });
  await stock.scene.stop(service);
  const line = await lineTo(stock.scene.url, stock.scene.database);
  const [a, b, c, d, e] = (await stock.dead())
    .toSorted((x, y) => (x.key < y.key ? -1 : 1))
    .map(({ id }) => id);
  const typed = (act: string, ids: readonly (string | undefined)[], ...more: readonly string[]) =>
    line.typedTwice('parked', act, ...ids.map(String), ...more, ...why);
  const retried = await typed('retry', [a, b], '--after-compensation');
  expectSaid(retried, 'retried it');
  expect([retried.again.code, retried.acts]).toEqual([0, [`parked retry ${a}`, `parked retry ${b}`]]);
  const skipped = await typed('skip', [c, d]);
  expectSaid(skipped, 'skipped it');
  expect([skipped.again.code, skipped.acts]).toEqual([1, [`parked skip ${c}`, `parked skip ${d}`]]);
  expect(skipped.again.stderr).toContain(`parked event ${c} is skipped`);
  const edited = await typed('edit', [e], '--payload', '{"key":"e","n":9}');
  expectSaid(edited, 'edited its payload');
  expect([edited.again.code, edited.acts]).toEqual([0, [`parked edit ${e}`]]);
  stock.throws = () => undefined;
  await stock.start();
  await stock.until(2);
  const gone = await stock.scene.cli('parked', 'retry', a!, e!, '--after-compensation', ...why);
  expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining(`there is no parked event ${a}`)]);
  await stock.until(3);
  expect((await stock.applied()).toSorted()).toEqual([0, 1, 9]);
});

// Planted fault: what is due already is made due again, and both acts are on record.
it('G6l: an act on calls whose answer was lost, typed again, changes nothing twice, does what is left, and says what was done', async () => {
  const provider = new Provider();
  const { url, database } = await sceneDatabase(inject('stack').databaseUrl);
  const calls = sceneCalls(await provider.start());
  onTestFinished(async () => {
    await provider.stop();
    await database.close();
  });
  provider.modes.set('blind', ['reply_lost', 'request_lost', 'request_lost']);
  await request(database, calls.blind, ['a', 'b', 'c']);
  const work = async (): Promise<Service> => {
    const worker = sagaWorker(Object.values(calls), { ...hurried, database });
    await worker.start();
    return worker;
  };
  const first = await work();
  await waitUntil(async () => (await workRows(database)).every(({ state }) => state === 'stuck'), {
    what: 'all to be stuck',
  });
  await first.stop();
  const line = await lineTo(url, database);
  const [a, b, c] = (await workRows(database)).map(({ id }) => id);
  const resolved = await line.typedTwice('call', 'resolve', a!, '--succeeded', '{"receipt":"r-a"}', ...why);
  expectSaid(resolved, 'stated the outcome of the call: succeeded');
  expect([resolved.again.code, resolved.acts]).toEqual([1, [`call resolve ${a}`]]);
  expect(resolved.again.stderr).toContain('this outcome of it is on record already');
  const retried = await line.typedTwice('call', 'retry', b!, c!, ...why);
  expectSaid(retried, 'retried the call');
  expect([retried.again.code, retried.acts]).toEqual([1, [`call retry ${b}`, `call retry ${c}`]]);
  expect(retried.again.stdout).toContain('it is due already');
  const second = await work();
  await ended(database, ['done']);
  await second.stop();
  expect([await outcomes(database), provider.calls.length]).toEqual([['a r-a', 'b r-b', 'c r-c'], 5]);
});

it('G6l: an act on a step whose answer was lost, typed again, changes nothing twice, and says what was done', async () => {
  const moods = new Moods();
  const module = new URL('../../libs/saga/src/fixture/order-saga.ts', import.meta.url).pathname;
  const scene = await Scene.open<OrderDb>(orderTables);
  onTestFinished(() => scene.close());
  const observer = sagaObserver<OrderDb>({ sagas: [order.declaration], from: 'first' });
  moods.set('pay', 'o-1', 'unknown');
  moods.set('pay', 'o-2', 'unknown');
  const service = await scene.consume([...orderConsumers(moods), observer]);
  const runs = [await scene.emit(placed({ order: 'o-1' })), await scene.emit(placed({ order: 'o-2' }))];
  for (const run of runs) await scene.until(run, /pay:stuck/);
  await scene.stop(service);
  const line = await lineTo(scene.url, scene.database);
  const said = ['--event', 'test.taken', '--data', '{"order":"o-1","note":"by hand"}', '--sagas', module];
  const resolved = await line.typedTwice('saga', 'resolve', runs[0]!, 'pay', ...said, ...why);
  expectSaid(resolved, 'stated the outcome of step pay: succeeded');
  const retried = await line.typedTwice('saga', 'retry', runs[1]!, 'pay', ...why);
  expectSaid(retried, 'retried step pay');
  // An act on a step is one on its parked event, too.
  expect([resolved.again.code, retried.again.code]).toEqual([1, 1]);
  expect([resolved.acts.length, retried.acts.length]).toEqual([2, 2]);
});
