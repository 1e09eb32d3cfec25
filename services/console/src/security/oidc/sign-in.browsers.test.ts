/**
 * Sign-in with a provider of another site in Chromium, whose rules for cookies and policies no request by hand has. Seen to fail with a
 * redirect in place of the page that asks anew, and with a strict cookie for what the browser keeps.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { openPage, startBrowser } from '../../fixture/browser.ts';
import { type ConsoleUnderTest, startConsole } from '../../fixture/console-under-test.ts';
import { CLIENT, type ProviderUnderTest, startProvider } from '../../fixture/oidc/provider-under-test.ts';

let browser: Browser;
let provider: ProviderUnderTest;
let shown: ConsoleUnderTest<'orders'>;
let home: string;

beforeAll(async () => {
  browser = await startBrowser();
  // The provider knows the address of the console before the console has one.
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  taken.close();
  await once(taken, 'close');
  // To a browser `localhost` and 127.0.0.1, where the provider is, are two sites.
  home = `http://localhost:${port}/ops/console/`;
  const redirectUri = `${home}sign-in/callback`;
  provider = await startProvider(redirectUri);
  provider.accounts.set('eve', { email: 'eve@shop.example', email_verified: true, groups: ['oncall'] });
  shown = await startConsole(inject('stack').databaseUrl, ['orders'], {
    CONVERGE__CONSOLE__PORT: String(port),
    CONVERGE__CONSOLE__BASE_PATH: '/ops/console',
    CONVERGE__CONSOLE__READS: 'signed-in',
    CONVERGE__CONSOLE__OIDC__ISSUER: provider.issuer,
    CONVERGE__CONSOLE__OIDC__CLIENT_ID: CLIENT.id,
    CONVERGE__CONSOLE__OIDC__CLIENT_SECRET: CLIENT.secret,
    CONVERGE__CONSOLE__OIDC__REDIRECT_URI: redirectUri,
    CONVERGE__CONSOLE__RIGHTS__ONCALL__ROLE: 'operator',
    CONVERGE__CONSOLE__RIGHTS__ONCALL__GROUPS: 'oncall',
  });
});
afterAll(async () => {
  await shown.stop();
  await provider.stop();
  await browser.close();
});

it('a person signs in at the provider, comes back to the page that was asked for, and signs out of both', async () => {
  const { page, click, close } = await openPage(browser, `${home}audit?act=parked`);
  await click(/^Sign in with/);
  await page.getByLabel('Account').fill('eve');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  expect(page.url()).toBe(`${home}audit?act=parked`);
  expect(await page.locator('form.user').innerText()).toContain('eve@shop.example');
  await click('Sign out');
  await click('sign out there');
  expect(new URL(page.url()).origin).toBe(provider.issuer);
  await page.getByRole('button').first().click();
  await page.goto(home);
  await click(/^Sign in with/);
  // The provider does not know the person any more.
  await page.getByLabel('Account').waitFor();
  await close();
});
