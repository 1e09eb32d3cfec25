import type { Service } from 'convergekit';
import { sagaObserver, sagaWorker } from 'convergekit/process';
import { connect } from 'convergekit/postgres';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { expect, inject, it, onTestFinished } from 'vitest';
import { cli } from '../../libs/cli/src/fixture/cli.ts';
import { allMigrations } from '../../libs/operate/src/all-migrations.ts';
import { Provider } from '../../libs/saga/src/fixture/calls/provider.ts';
import {
  ended,
  hurried,
  outcomes,
  patient,
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

async function lineTo(...to: Parameters<typeof LostAnswers.of>): Promise<LostAnswers> {
  const line = await LostAnswers.of(...to);
  onTestFinished(() => line.close());
  return line;
}

/** What both commands say: the first that it cannot know, the second what was done before. */
function expectSaid({ lost, looked, again }: TypedTwice, done: string): void {
  expect([lost.code, lost.stderr]).toEqual([1, expect.stringContaining('It is not known')]);
  expect([looked.code, looked.stdout]).toEqual([0, expect.stringContaining(done)]);
  expect(again.stderr).toMatch(
    new RegExp(`^last act on .+ ${done}.* at .+: (deployed the fix|a run now)$`, 'm'),
  );
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
  const edited = await typed('edit', [e], '--payload', '{"key":"e","n":9}', '--after-compensation');
  expect(edited.looked.stdout).toContain('edited its payload');
  expect(edited.again.stderr).toMatch(/^last act on .+ retried it at /m);
  expect([edited.again.code, edited.acts]).toEqual([0, [`parked edit ${e}`, `parked retry ${e}`]]);
  stock.throws = () => undefined;
  await stock.start();
  await stock.until(3);
  const gone = await stock.scene.cli('parked', 'retry', a!, e!, '--after-compensation', ...why);
  expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining(`there is no parked event ${a}`)]);
  expect((await stock.applied()).toSorted()).toEqual([0, 1, 9]);
});

// Planted fault: what is due already is made due again, and both acts are on record.
it('G6l: an act on calls whose answer was lost, typed again, changes nothing twice, does what is left, and says what was done', async () => {
  const provider = new Provider();
  const { url, database } = await sceneDatabase(inject('stack').databaseUrl);
  const calls = sceneCalls(await provider.start(), patient);
  onTestFinished(async () => {
    await provider.stop();
    await database.close();
  });
  provider.modes.set('blind', ['reply_lost', 'request_lost', 'request_lost']);
  await request(database, calls.blind, ['a', 'b', 'c']);
  const work = async (): Promise<Service> => {
    const worker = sagaWorker(Object.values(calls), { ...hurried, leaseMs: 60_000, database });
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
  expect(retried.again.stderr).toContain('it is due already');
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

it('G6m: a pause and a resume of a saga whose answers were lost, typed again, change nothing twice, and say what was done', async () => {
  const scene = await Scene.open<OrderDb>(orderTables);
  onTestFinished(() => scene.close());
  const observer = sagaObserver<OrderDb>({ sagas: [order.declaration], from: 'first' });
  const service = await scene.consume([...orderConsumers(new Moods()), observer]);
  await scene.until(await scene.emit(placed({ order: 'o-1' })), /pay:applied/);
  await scene.stop(service);
  const line = await lineTo(scene.url, scene.database);
  const paused = await line.typedTwice('saga', 'pause', 'test.order', ...why.slice(0, 2));
  expectSaid(paused, 'paused the saga');
  expect([paused.again.code, paused.acts]).toEqual([1, ['saga pause test.order']]);
  const resumed = await line.typedTwice('saga', 'resume', 'test.order', ...why.slice(0, 2));
  expectSaid(resumed, 'resumed the saga');
  expect([resumed.again.code, resumed.acts]).toEqual([1, ['saga resume test.order']]);
});

it('G5k: a pause, a resume and events again whose answers were lost, typed again, say what was done', async () => {
  const stock = await Counting.open({ local: true });
  onTestFinished(() => stock.scene.close());
  const service = await stock.start();
  const [event] = await stock.emit(['a', 1]);
  await stock.until(1);
  await stock.scene.stop(service);
  const line = await lineTo(stock.scene.url, stock.scene.database, (address) => ({
    DATABASE_URL: address,
    CONVERGE__BROKER: 'local',
  }));
  const paused = await line.typedTwice('consumers', 'pause', stock.name, ...why.slice(0, 2));
  expectSaid(paused, 'paused');
  expect([paused.again.code, paused.acts]).toEqual([1, [`consumers pause ${stock.name}`]]);
  const resumed = await line.typedTwice('consumers', 'resume', stock.name, ...why);
  expectSaid(resumed, 'resumed');
  expect([resumed.again.code, resumed.acts]).toEqual([1, [`consumers resume ${stock.name}`]]);
  // Its transaction finds out what became of its COMMIT; typed again, it says that it emits once more.
  const { lost, again } = await line.typedTwice('outbox', 'again', event!, '--yes');
  expect([lost.code, lost.stdout]).toEqual([0, expect.stringContaining('emitted 1 of 1 events again')]);
  expect(again.stderr).toMatch(/^last act on .+ emitted it again as /m);
});

it('acts on a reconciler whose answers were lost, typed again, change nothing twice, and say what was done', async () => {
  const shopUrl = await freshDatabase(inject('stack').databaseUrl, 'shop');
  const copy = await migratedDatabase(inject('stack').databaseUrl, allMigrations, { prefix: 'copy' });
  onTestFinished(() => copy.database.close());
  const columns = 'sku text primary key, reserved int not null, price int not null, note text not null';
  const shop = connect({ url: shopUrl });
  await shop.executor.query(`create table article (${columns})`);
  await shop.executor.query(`insert into article values ('a', 3, 10, 'x'), ('b', 4, 10, 'x')`);
  await shop.close();
  await copy.database.executor.query(`create table article (${columns}, version int not null default 1)`);
  await copy.database.executor.query(`insert into article values ('a', 0, 10, 'x'), ('b', 0, 10, 'x')`);
  const module = new URL('../../libs/cli/src/fixture/article-reconciler.ts', import.meta.url).pathname;
  const env = (address: string) => ({
    CONVERGE__MODULES: module,
    CONVERGE__DATABASES__SHOP: shopUrl,
    CONVERGE__DATABASES__COPY: address,
  });
  expect((await cli(['reconcile', 'run', '--once'], env(copy.url))).code).toBe(1);
  const line = await lineTo(copy.url, copy.database, env);
  const typed = (act: string, ...more: readonly string[]) =>
    line.typedTwice('reconcile', act, 'articles', ...more, '--reason', 'deployed the fix');
  const approved = await typed('approve', '--repairs', '1');
  expectSaid(approved, 'approved 1 repairs');
  expect([approved.again.code, approved.acts]).toEqual([1, ['reconcile approve articles']]);
  const retried = await typed('retry', 'b');
  expectSaid(retried, 'retried key b');
  expect([retried.again.code, retried.acts]).toEqual([0, ['reconcile retry articles']]);
  const paused = await typed('pause');
  expectSaid(paused, 'paused it');
  expect([paused.again.code, paused.acts]).toEqual([1, ['reconcile pause articles']]);
  const resumed = await typed('resume');
  expectSaid(resumed, 'resumed it');
  expect([resumed.again.code, resumed.acts]).toEqual([1, ['reconcile resume articles']]);
  const run = await line.typedTwice('reconcile', 'run', 'articles', '--now');
  expectSaid(run, 'requested a run');
  expect([run.again.code, run.acts]).toEqual([0, ['reconcile run articles']]);
});
