import { setPolicyRule } from '@convergekit/postgres/operate';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openPage, startBrowser } from '../fixture/browser.ts';
import { type ConsoleUnderTest, startConsole, TOKENS } from '../fixture/console-under-test.ts';
import {
  repairedKeys,
  runStock,
  seedFailures,
  seedSchedules,
  seedStock,
  STOCK_MODULE,
} from '../fixture/stock-scene.ts';

describe('tasks of an operator in Chromium', () => {
  let browser: Browser;
  let shown: ConsoleUnderTest<'orders' | 'inventory'>;
  let repaired: string;
  let chosen: string;

  beforeAll(async () => {
    browser = await startBrowser();
    shown = await startConsole(inject('stack').databaseUrl, ['orders', 'inventory'], {
      CONVERGE__MODULES: STOCK_MODULE,
      CONVERGE__CONSOLE__PAYLOADS: 'full',
    });
    const scene = await seedStock(shown.databases);
    repaired = scene.repaired;
    chosen = scene.held[2] ?? '';
  });
  afterAll(async () => {
    await shown.stop();
    await browser.close();
  });

  it('an operator approves one held repair after a look at its values, in five clicks from home', async () => {
    const { page, click, clicks, close } = await openPage(browser, shown.url, { token: TOKENS.ada });
    await click('Drift');
    await click('stock-reserved');
    await page.getByLabel('Reason').fill('a repair is held');
    await click('Show the values');
    const diff = page.getByRole('region', { name: `Key ${chosen} of stock-reserved` });
    const amount = chosen.slice(4);
    expect(await diff.getByRole('row', { name: /^quantity/ }).innerText()).toMatch(
      new RegExp(String.raw`quantity\s+${amount}0\s+${amount}\s`),
    );
    // The box is chosen by the keyboard, as an operator does with the list in view.
    await diff.getByRole('checkbox').press('Space');
    await click('Approve repairs');
    expect(await page.getByRole('region', { name: 'Preview' }).innerText()).toContain(
      'After the approval: 1 repairs allowed',
    );
    await page.getByLabel('Reason').fill('the order is paid');
    await click('Approve repairs');
    await page.getByText(`stock-reserved: 1 repairs (${chosen}) approved`).waitFor();
    expect(clicks()).toBeLessThanOrEqual(5);
    await close();
    await runStock(shown.databases);
    expect(await repairedKeys(shown.databases)).toEqual([repaired, chosen].toSorted());
  });

  it('an operator pauses a family of schedules, in four clicks from home', async () => {
    await seedSchedules(shown.databases.inventory, ['price-eu', 'price-us', 'tax']);
    const { page, click, clicks, close } = await openPage(browser, shown.url, { token: TOKENS.bob });
    await click('Schedules');
    await page.getByLabel('Name contains').fill('price-');
    await page.getByLabel('Name contains').press('Enter');
    await page.getByRole('link', { name: 'Pause all 2 that match' }).waitFor();
    await click('Pause all 2 that match');
    await page.getByLabel('Reason').fill('a new price list');
    await click('Pause reconcilers');
    await page.getByText('2 reconcilers paused').waitFor();
    expect(clicks()).toBeLessThanOrEqual(4);
    await close();
    const { rows } = await shown.databases.inventory.executor.query(
      `select name, paused_by from converge.reconciler where paused_at is not null order by name`,
    );
    expect(rows).toEqual(['price-eu', 'price-us'].map((name) => ({ name, paused_by: 'bob' })));
  });

  it('an operator pauses a saga, sees the pause at home, and resumes it there in three clicks', async () => {
    const { executor } = shown.databases.orders;
    await executor.query(
      `insert into converge.saga_worker (call, holder) values ('shop.order.pay.apply', 'w')`,
    );
    await executor.query(
      `insert into converge.saga_work (id, consumer, handler, call, key, idempotency_key, input, cause, saga, instance, step, op)
         values (gen_random_uuid(), 'c', 'h', 'shop.order.pay.apply', 'k', 'i', '{}', '{}', 'shop.order', '1', 'pay', 'apply')`,
    );
    const pause = new URL('/saga/pause?saga=shop.order', shown.url).href;
    const { page, click, clicks, close } = await openPage(browser, pause, { token: TOKENS.ada });
    await page.goto(pause);
    await page.getByLabel('Reason').fill('the bank charges twice');
    await page.getByRole('button', { name: 'Pause the saga' }).press('Enter');
    await page.getByText('shop.order is paused in 1 database').waitFor();
    await page.goto(shown.url);
    const row = page.getByRole('row', { name: /shop\.order is paused by ada/ });
    expect(await row.innerText()).toMatch(/the bank charges twice.*: 1 call waits, 0 in flight end/);
    const before = clicks();
    await click('Resume it');
    await page.getByLabel('Reason').fill('they fixed it');
    await click('Resume the saga');
    await page.getByText('shop.order is resumed in 1 database: 1 call is due, 50 a second').waitFor();
    expect(clicks() - before).toBeLessThanOrEqual(3);
    await close();
    const { rows } = await executor.query('select act, by, reason from converge.audit order by id');
    expect(rows).toEqual([
      { act: 'saga pause', by: 'ada', reason: 'the bank charges twice' },
      { act: 'saga resume', by: 'ada', reason: 'they fixed it' },
    ]);
  });

  it('a reader sees which policy changed before the error rate rose, and by whom, in one click from home', async () => {
    const { inventory } = shown.databases;
    await setPolicyRule(inventory.executor, {
      name: 'payment',
      change: { attempts: 1 },
      by: 'bob',
      reason: 'the provider asked for less load',
    });
    await inventory.executor.query(`update converge.audit set at = clock_timestamp() - interval '3 hours'`);
    await seedFailures(inventory, [130, 140, 150, 160, 400]);
    const { page, click, clicks, close } = await openPage(browser, shown.url);
    await click('Policies');
    const change = page.getByRole('row', { name: /^payment/ }).first();
    const text = await change.innerText();
    expect(text).toContain('{"attempts":1}');
    expect(text).toMatch(/0 in .* before, 4 in as long after/);
    expect(text).toContain('bob');
    expect(await page.getByRole('img', { name: /Failed attempts in inventory/ }).count()).toBe(1);
    expect(clicks()).toBe(1);
    await close();
  });

  it('the live tail shows an event when it commits, and a pause ends its stream', async () => {
    const { page, close } = await openPage(browser, new URL('tail', shown.url).href);
    await page.getByText('events/s match').waitFor();
    await shown.databases.orders.executor.query(
      `select converge.emit('shop.orders', '<img src=x onerror=alert(1)>', 'shop.order.placed', '{"note":"hidden"}')`,
    );
    const row = page.getByRole('row', { name: /shop\.order\.placed/ });
    await row.waitFor();
    expect(await row.innerText()).toContain('<img src=x onerror=alert(1)>');
    expect(await page.locator('main img').count()).toBe(0);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('paused: events that commit meanwhile are not shown').waitFor();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('events/s match').waitFor();
    await close();
  });
});
