/**
 * Every screen in Chromium: axe-core, keyboard, width of a phone, and nothing that the policy of the pages blocks. Then three
 * tasks of an operator, clicks counted.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openPage, SIZES, startBrowser } from '../fixture/browser.ts';
import { TOKENS } from '../fixture/console-under-test.ts';
import type { OrderScene } from '../fixture/order-scene.ts';
import { openScene, type WholeScene } from '../fixture/whole-scene.ts';
import { screens } from './index.ts';

let browser: Browser;
let shown: WholeScene;
let scene: OrderScene;

beforeAll(async () => {
  browser = await startBrowser();
  shown = await openScene(inject('stack').databaseUrl);
  scene = shown.orders;
});
afterAll(async () => {
  await shown.stop();
  await browser.close();
});

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

/**
 * Runs axe-core in a page: every rule in light, and the one that depends on colours in dark as well. The script is evaluated by
 * the browser's debugger, since the policy of the page forbids inline code.
 */
async function violationsOf(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe);
  const found: string[] = [];
  for (const [colorScheme, options] of [
    ['light', '{}'],
    ['dark', "{ runOnly: ['color-contrast'] }"],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    const run = `axe.run(document, ${options}).then(({ violations }) => violations)`;
    const violations = await page.evaluate<readonly Violation[]>(run);
    found.push(...violations.map(({ id, nodes }) => `${colorScheme}, ${id}: ${nodes[0]?.html ?? ''}`));
  }
  return found;
}

/** The pages that are checked: the menu, and those of the scene that no menu leads to. */
const paths = (): readonly string[] => [
  ...screens.map(({ path }) => path),
  ...shown.deepPaths,
  '/sign-in',
  '/nowhere',
];

describe('every screen in Chromium', () => {
  it.each(['desktop', 'phone'] as const)(
    'axe-core finds nothing on any screen in light and dark on a %s',
    async (size) => {
      const { page, close } = await openPage(browser, shown.url, {
        token: TOKENS.ada,
        viewport: SIZES[size],
      });
      const blocked: string[] = [];
      page.on('console', (message) => {
        if (message.text().includes('Content Security Policy')) blocked.push(message.text());
      });
      const found: string[] = [];
      for (const path of paths()) {
        const answer = await page.goto(new URL(path, shown.url).href);
        const status = answer?.status();
        if (status !== (path === '/nowhere' ? 404 : 200))
          found.push(`${path} answers ${status ?? 'nothing'}`);
        found.push(...(await violationsOf(page)).map((one) => `${path} ${one}`));
        const overflow = await page.evaluate<number>(
          'document.documentElement.scrollWidth - window.innerWidth',
        );
        if (overflow > 0) found.push(`${path} is ${overflow} px wider than the ${size}`);
      }
      expect(found).toEqual([]);
      expect(blocked).toEqual([]);
      await close();
    },
  );

  // Planted fault: with a column for each number of a relay the last ones are beyond the edge.
  it('no table of consumers and relays is cut at 1,180 px', async () => {
    const { page, close } = await openPage(browser, shown.url, { viewport: { width: 1_180, height: 800 } });
    const { partitions } = (await (await fetch(new URL('/api/consumers', shown.url))).json()) as {
      readonly partitions: readonly { readonly consumer: string }[];
    };
    const cut: string[] = [];
    for (const path of ['/consumers', `/consumers?consumer=${partitions[0]?.consumer ?? ''}`]) {
      await page.goto(new URL(path, shown.url).href);
      const beyond = `[...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth)
        .map((one) => one.getAttribute('aria-label') + ' by ' + (one.scrollWidth - one.clientWidth))`;
      cut.push(...(await page.evaluate<readonly string[]>(beyond)).map((one) => `${path}: ${one}`));
    }
    expect(cut).toEqual([]);
    await close();
  });

  it('the keyboard searches, walks along the rows, opens one, and lists its keys', async () => {
    const { page, close } = await openPage(browser, new URL('/audit', shown.url).href);
    await page.keyboard.press('/');
    await page.keyboard.type(scene.late);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: `Search: ${scene.late}` }).waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    const first = await page.evaluate<string>('document.activeElement.textContent');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: `Event ${first}` }).waitFor();
    await page.keyboard.press('?');
    expect(await page.getByRole('dialog', { name: 'Keys' }).isVisible()).toBe(true);
    await page.keyboard.press('Escape');
    await close();
  });
});

describe('tasks of an operator, four clicks from home at most', () => {
  it('N11: an operator says why an order is late', async () => {
    const { page, clicks, close } = await openPage(browser, shown.url);
    await page.getByRole('searchbox', { name: /^Search/ }).fill(scene.late);
    await page.keyboard.press('Enter');
    const reason = page.getByRole('listitem').filter({ hasText: 'needs you' });
    expect(await reason.innerText()).toMatch(
      /stock gave its event up .* and its key waits: TypeError \(bug\): the article has no shelf/,
    );
    expect(clicks()).toBe(0);
    await close();
  });

  it('an operator finds which events of a key were duplicates', async () => {
    const { page, click, clicks, close } = await openPage(browser, shown.url);
    await page.getByRole('searchbox', { name: /^Search/ }).fill(scene.doubled);
    await page.keyboard.press('Enter');
    await click('Records and duplicates in the log of shop.orders');
    await page.getByText('1 duplicate').waitFor();
    expect(await page.getByRole('row').filter({ hasText: 'duplicate of' }).count()).toBe(1);
    expect(clicks()).toBe(1);
    await close();
  });

  it('an operator finds who skipped an event, and why', async () => {
    const { page, click, clicks, close } = await openPage(browser, shown.url);
    await click('Audit');
    await page.getByLabel('Event, key, topic or subject').fill(scene.skipped.eventId);
    await click('Filter');
    const row = page.getByRole('row').filter({ hasText: 'parked skip' });
    expect(await row.innerText()).toMatch(/bob\s+parked skip[\s\S]*paid in cash at the counter/);
    expect(clicks()).toBe(2);
    await close();
  });
});
