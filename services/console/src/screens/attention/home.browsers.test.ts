/** The home page on a wall: it refreshes in place, its age is true, and it says when it cannot be refreshed. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, it, onTestFinished } from 'vitest';
import { SIZES, startBrowser } from '../../fixture/browser.ts';
import { type ConsoleUnderTest, startConsole } from '../../fixture/console-under-test.ts';

let browser: Browser;
let shown: ConsoleUnderTest<'orders'>;
beforeAll(async () => {
  browser = await startBrowser();
  shown = await startConsole(inject('stack').databaseUrl, ['orders']);
});
afterAll(async () => {
  await shown.stop();
  await browser.close();
});

/** Opens the home page of a browser whose clock and timers the test drives. */
async function opened(): Promise<Page> {
  const context = await browser.newContext({ viewport: SIZES.phone });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  await page.clock.install();
  await page.goto(shown.url);
  return page;
}
const reconciler = (name: string) =>
  shown.databases.orders.executor.query(
    `insert into converge.reconciler (name, held_at, held_reason) values ($1, clock_timestamp(), 'too many repairs')`,
    [name],
  );
/** Where a reader is: how far the page is scrolled, and the link that has the focus. */
const PLACE = `[scrollY, document.activeElement.getAttribute('href')]`;
const age = (page: Page) => page.locator('[data-age]').innerText();

// Planted fault: the age of the page is a text of the server, and the page is loaded once.
it('the home page refreshes in place, keeps the focus and the place of a reader, and shows the age of what it shows', async () => {
  const page = await opened();
  await page.getByText('Nothing needs attention').waitFor();
  await page.clock.runFor(4_000);
  expect(await age(page)).toBe('4 s ago');
  for (const n of [1, 2, 3, 4, 5, 6]) await reconciler(`copy-${n}`);
  await page.clock.runFor(6_000);
  await page.getByText('copy-6 is held').waitFor();
  expect(await page.getByText('Nothing needs attention').count()).toBe(0);
  const link = page.getByRole('link', { name: 'See the drift' }).last();
  await link.focus();
  const before = await page.evaluate<[number, string]>(PLACE);
  expect(before[0]).toBeGreaterThan(0);
  await reconciler('copy-7');
  await page.clock.runFor(10_000);
  await page.getByText('copy-7 is held').waitFor();
  expect(await page.evaluate<[number, string]>(PLACE)).toEqual(before);
});

// Planted fault: a wall screen that was green stays green when its console, or its network, is gone.
it('a home page that cannot be refreshed says since when and why, and is green no more until it is', async () => {
  const page = await opened();
  const alert = page.getByRole('alert');
  await page.locator('[data-age]').waitFor();
  await page.clock.runFor(1_000);
  expect(await alert.count()).toBe(0);
  await page.context().setOffline(true);
  await page.clock.runFor(40_000);
  await page.getByText(/Not checked since .*: the console does not answer/).waitFor();
  expect(await page.title()).toMatch(/^Not checked – /);
  expect(await page.locator('[data-old]').count()).toBe(1);
  expect(await age(page)).toMatch(/^(4\d|3\d) s ago$/);
  await page.context().setOffline(false);
  await page.clock.runFor(10_000);
  await alert.waitFor({ state: 'hidden' });
  expect(await page.locator('[data-old]').count()).toBe(0);
});

// Planted fault: by a count of failed refreshes, a machine that slept for an hour shows what was true before.
it('a home page on a machine that slept says that it is old before it is refreshed', async () => {
  const page = await opened();
  await page.locator('[data-age]').waitFor();
  await page.route('**/', (route) => route.abort());
  await page.clock.fastForward('01:00:00');
  await page.getByText(/Not checked since/).waitFor();
  expect(await age(page)).toBe('60 min ago');
});
