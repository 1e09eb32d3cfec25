/**
 * The console over real sagas and real dead letters, in Chromium. Clicks are counted: an operator is there within four.
 */
import { ConvergeError } from '@convergekit/core';
import { defineConsumer } from '@convergekit/inbox';
import { allMigrations } from '@convergekit/operate';
import { migrate } from '@convergekit/postgres';
import { sagaObserver } from '@convergekit/saga';
import { waitUntil } from '@convergekit/testing';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { stockScene } from '../../../../libs/inbox/src/fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../../../../libs/inbox/src/fixture/ledger.ts';
import { quickSchedule } from '../../../../libs/inbox/src/testing/quick.ts';
import {
  Moods,
  order,
  orderConsumers,
  type OrderDb,
  orderTables,
  placed,
} from '../../../../libs/saga/src/fixture/order-saga.ts';
import { SagaScene } from '../../../../libs/saga/src/fixture/saga-scene.ts';
import { openPage, startBrowser } from '../fixture/browser.ts';
import { postAs, startConsole, TOKENS } from '../fixture/console-under-test.ts';
import { urlOf } from '../fixture/whole-scene.ts';

const SAGAS = new URL('../../../../libs/saga/src/fixture/order-saga.ts', import.meta.url).pathname;
const SECRET = 'not-for-the-eyes-of-an-operator';

let shop: SagaScene<OrderDb>;
let stock: Awaited<ReturnType<typeof stockScene>>;
let under: Awaited<ReturnType<typeof startConsole>>;
let browser: Browser | undefined;
const moods = new Moods();
const still = { outage: true };

beforeAll(async () => {
  shop = await SagaScene.open<OrderDb>(inject('stack').databaseUrl, orderTables);
  await migrate(shop.database, allMigrations);
  const observer = sagaObserver<OrderDb>({ sagas: [order.declaration], from: 'first' });
  await shop.start([...orderConsumers(moods), observer]);
  stock = await stockScene(inject('stack').databaseUrl);
  await migrate(stock.scene.database, allMigrations);
  under = await startConsole(inject('stack').databaseUrl, [], {
    CONVERGE__DATABASES__SHOP: await urlOf(inject('stack').databaseUrl, shop.database),
    CONVERGE__DATABASES__STOCK: await urlOf(inject('stack').databaseUrl, stock.scene.database),
    CONVERGE__MODULES: SAGAS,
  });
  browser = await startBrowser();
});
afterAll(async () => {
  await browser?.close();
  await under.stop();
  await shop.close();
  await stock.scene.close();
});

const api = (path: string): Promise<Record<string, unknown>> => under.get(path);

const seen = (instance: string, state: string) =>
  waitUntil(async () => (await api(`/api/sagas/${instance}`).catch(() => undefined))?.['state'] === state, {
    what: `${instance} to be ${state}`,
  });

describe('in Chromium', () => {
  it('N11: an operator finds the saga that charged but never shipped, and resolves it, in four clicks', async () => {
    moods.set('ship', 'o-late', 'unknown');
    const late = await shop.emit(placed({ order: 'o-late' }));
    const fine = await shop.emit(placed({ order: 'o-fine' }));
    await seen(late, 'stuck');
    await seen(fine, 'completed');
    const { page, click, clicks, close } = await openPage(browser!, under.url, { token: TOKENS.ada });
    await click('Sagas');
    // The one row that needs an operator is the first; what completed is not in the list.
    expect(await page.locator('tbody tr').first().innerText()).toMatch(
      /o-late.*stuck.*ship waits for an operator/s,
    );
    expect(await page.getByText('o-fine').count()).toBe(0);
    await click(/test\.order v1/);
    expect(await page.locator('svg.lanes text.service').allTextContents()).toEqual([
      'inventory',
      'payments',
      'shipping',
    ]);
    await click('Resolve ship');
    await page.getByLabel('The event that it would have emitted').selectOption('test.handed');
    await page
      .getByLabel('Data of that event')
      .fill('{"order":"o-late","note":"found in the book of the carrier"}');
    await page.getByLabel('Reason').fill('the carrier has the parcel since noon');
    await click('Resolve the step');
    await page.getByText('ship: test.handed is recorded').waitFor();
    expect(clicks()).toBeLessThanOrEqual(4);
    await seen(late, 'completed');
    const { narrative } = await api(`/api/sagas/${late}`);
    expect(String(narrative)).toContain('operator ada: the carrier has the parcel since noon');
    await close();
  });

  it('G5p, N11: an operator retries what an outage broke and nothing else, in five clicks', async () => {
    const { scene, name, events } = stock;
    const published = Array.from({ length: 24 }, (_, n) => events.counted({ key: `k${n}`, n }));
    await scene.source.publish(scene.broker, published);
    await scene.start(
      defineConsumer<LedgerDb>(name, { from: 'first' }).on(events.counted, async (event, { tx }) => {
        const { n } = event.data;
        if (n % 4 === 1) throw new RangeError(`order ${n} has no line ${n}`);
        if (n % 2 === 0 && still.outage)
          throw new ConvergeError(`warehouse-${n} is away`, {
            code: 'AWAY',
            category: 'service',
            certainty: 'not_applied',
          });
        await note(tx, event);
      }),
      {
        parking: {
          schedule: { ...quickSchedule, withinMs: 1 },
          pollMs: 20,
          systemic: { keys: 1_000, withinMs: 1_000 },
        },
      },
    );
    const groups = async (): Promise<readonly (readonly unknown[])[]> =>
      ((await api('/api/parked?state=dead&database=stock'))['groups'] as Record<string, unknown>[]).map(
        ({ code, events: count }) => [code, count],
      );
    const broken = [
      ['AWAY', 12],
      ['RangeError', 6],
    ];
    await waitUntil(async () => JSON.stringify(await groups()) === JSON.stringify(broken), {
      what: 'both kinds of failures',
    });
    still.outage = false;
    const { page, click, clicks, close } = await openPage(browser!, under.url, { token: TOKENS.bob });
    await click('Failures');
    await click(/service AWAY/);
    await click('Retry all that match');
    // Their failure events are published: other services may have compensated, which the operator accepts by name.
    expect(await page.locator('.preview').innerText()).toMatch(/^0 events of 0 keys[^]*--after-compensation/);
    await click('Include the 12 that may be compensated');
    expect(await page.locator('.preview').innerText()).toMatch(/^12 events of 12 keys/);
    await page.getByLabel('Reason').fill('the warehouse is back');
    await click('Retry');
    await page.getByText('12 retried, 12 took effect').waitFor();
    expect(clicks()).toBeLessThanOrEqual(5);
    expect(await lines(scene.database)).toHaveLength(18);
    expect(await groups()).toEqual([['RangeError', 6]]);
    const { rows } = await scene.database.executor.query(
      `select by, substring(reason from '^after compensation .*: (.*)') as reason, count(*)::int as acts
         from converge.audit group by 1, 2`,
    );
    expect(rows).toEqual([{ by: 'bob', reason: 'the warehouse is back', acts: 12 }]);
    await close();
  });
});

const post = (path: string, body: object) => postAs(TOKENS.ada, new URL(path, under.url), body);

// Without the check against the declaration the first three would be written, and the saga would go on with them.
it('G6o: an outcome that the declaration does not allow is refused before anything is written', async () => {
  moods.set('ship', 'o-odd', 'unknown');
  const odd = await shop.emit(placed({ order: 'o-odd' }));
  await seen(odd, 'stuck');
  const before = await api(`/api/sagas/${odd}`);
  const path = `/api/saga/resolve?database=shop&instance=${odd}&step=ship`;
  const reason = 'a guess';
  const refusals: readonly (readonly [object, string])[] = [
    [{ event: 'test.taken', data: '{"order":"o-odd"}' }, 'ship emits no test.taken'],
    [{ event: 'test.handed', data: '{"order":7}' }, 'is not that of test.handed v1'],
    [{ event: 'test.handed', data: '{"order":"o-other"}' }, 'an event of key "o-other"'],
    [{ event: 'applied' }, 'give the data'],
    [{}, 'give one outcome'],
  ];
  for (const [stated, message] of refusals) {
    const [status, said] = await post(path, { ...stated, reason });
    expect([status >= 400, said]).toEqual([true, expect.stringContaining(message)]);
  }
  expect(await post(path, { failed: 'LOST', reason: ' ' })).toEqual([
    400,
    expect.stringContaining('give a reason'),
  ]);
  expect(await api(`/api/sagas/${odd}`)).toEqual(before);
  expect((await post(path, { failed: 'LOST', reason: 'it fell off the truck' }))[0]).toBe(200);
  await seen(odd, 'compensated');
});

// Planted fault: without the search in `searched` the first act retries all three.
it('all waiting steps of the sagas that match are retried now, each with its audit row, and no other', async () => {
  const names = ['o-ship1', 'o-ship2', 'o-ship3'];
  for (const name of names) moods.set('ship', name, 'unknown');
  const ids = await Promise.all(names.map((name) => shop.emit(placed({ order: name }))));
  for (const id of ids) await seen(id, 'stuck');
  for (const name of names) moods.set('ship', name, undefined);
  expect(await post('/api/saga/retry', { reason: 'all' })).toEqual([
    409,
    expect.stringContaining('choose which sagas'),
  ]);
  expect(await api('/api/saga/retry?key=o-ship1')).toMatchObject({ eligible: 1, unit: 'step of 1 saga' });
  expect(await api('/api/saga/retry?state=stuck&why=no+such+reason')).toMatchObject({ eligible: 0 });
  const reason = 'the carrier is back';
  expect(await post('/api/saga/retry', { key: 'o-ship1', reason })).toEqual([200, '1 of 1 step is due now.']);
  await seen(ids[0] ?? '', 'completed');
  for (const id of ids.slice(1)) expect((await api(`/api/sagas/${id}`))['state']).toBe('stuck');
  const rest = { state: 'stuck', step: 'ship', rate: 1000, reason };
  expect(await post('/api/saga/retry', rest)).toEqual([200, '2 of 2 steps are due now.']);
  for (const id of ids) await seen(id, 'completed');
  const { rows } = await shop.database.executor.query<{ subject: string }>(
    `select subject_id || ' ' || (before ->> 'step') as subject from converge.audit where by = 'ada' and reason = $1`,
    [reason],
  );
  expect(rows.map(({ subject }) => subject).toSorted()).toEqual(ids.map((id) => `${id} ship`).toSorted());
});

// A payload that is shown as it is, or an edit that is not retried, fails here.
it('a payload is shown with its values masked, and an edited one is applied instead', async () => {
  const { scene, name, events } = stock;
  still.outage = false;
  await scene.source.publish(scene.broker, [events.counted({ key: SECRET, n: 101 })]);
  const found = async () =>
    ((await api(`/api/parked/list?consumer=${name}&key=${SECRET}`))['rows'] as { id: string }[])[0]?.id;
  const id = await waitUntil(found, { what: 'the dead letter' });
  const { payload } = await api(`/api/parked/stock/${id}`);
  expect(JSON.parse(String(payload))).toEqual({ key: `‹text, ${SECRET.length}›`, n: '‹number›' });
  const path = `/api/parked/edit?database=stock&id=${id}`;
  const page = await fetch(new URL(path.replace('/api', ''), under.url));
  expect(await page.text()).not.toContain('101');
  expect(await post(path, { payload: '{oops', reason: 'x' })).toMatchObject([
    400,
    expect.stringContaining('no JSON'),
  ]);
  const corrected = JSON.stringify({ key: SECRET, n: 102 });
  await post(path, { payload: corrected, reason: 'too many', afterCompensation: 'yes' });
  const edited = async () => (await lines(scene.database)).some(({ n }) => n === 102);
  await waitUntil(edited, { what: 'the edited event' });
  expect(await post('/api/parked/retry', { reason: 'all of it' })).toEqual([
    409,
    expect.stringContaining('name what to retry'),
  ]);
});
