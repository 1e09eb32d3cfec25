/**
 * Sign-in with a real OpenID Connect provider. Seen to fail without: the check of the nonce and of the signature, the seal and the
 * end of what the browser keeps, the end of a provider's session, the check of the return address.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AppUnderTest, appUnderTest } from '../../fixture/app-under-test.ts';
import { browsing } from '../../fixture/oidc/browsing.ts';
import { CLIENT, type ProviderUnderTest, startProvider } from '../../fixture/oidc/provider-under-test.ts';
import { TOKENS } from '../../fixture/console-under-test.ts';

const REDIRECT = 'http://localhost:7070/sign-in/callback';
const act = '/echo/x/act';
const ours = { origin: 'http://localhost:7070', 'sec-fetch-site': 'same-origin' };
const eve = { email: 'eve@shop.example', email_verified: true, groups: ['oncall'] };

let provider: ProviderUnderTest;
beforeAll(async () => {
  provider = await startProvider(REDIRECT);
});
afterAll(() => provider.stop());
beforeEach(() => {
  provider.tamper = undefined;
  provider.forged = false;
  provider.accounts.set('eve', eve);
});

const consoleOf = (more: Readonly<Record<string, string>> = {}): AppUnderTest =>
  appUnderTest({
    CONVERGE__CONSOLE__READS: 'signed-in',
    CONVERGE__CONSOLE__OIDC__ISSUER: provider.issuer,
    CONVERGE__CONSOLE__OIDC__CLIENT_ID: CLIENT.id,
    CONVERGE__CONSOLE__OIDC__CLIENT_SECRET: CLIENT.secret,
    CONVERGE__CONSOLE__OIDC__REDIRECT_URI: REDIRECT,
    CONVERGE__CONSOLE__RIGHTS__ONCALL__ROLE: 'operator',
    CONVERGE__CONSOLE__RIGHTS__ONCALL__GROUPS: 'oncall',
    CONVERGE__CONSOLE__RIGHTS__ALL__ROLE: 'viewer',
    CONVERGE__CONSOLE__RIGHTS__ALL__USERS: 'ada',
    ...more,
  });

/** What the page of an act says to the holder of a cookie. */
const shown = async ({ ask }: AppUnderTest, cookie: string): Promise<string> => {
  const answer = await ask(act, { headers: { ...ours, cookie } });
  return `${answer.status} ${await answer.text()}`;
};

describe('a sign-in with a provider', () => {
  it('G5n: a person of a group that rights name acts under the verified email', async () => {
    const app = consoleOf();
    const browser = browsing(app);
    const back = await browser.comeBack(await browser.atProvider('eve', '/echo?text=ä'));
    expect([back.status, back.headers.get('refresh')]).toEqual([200, '0;url=/echo?text=%C3%A4']);
    expect(back.headers.getSetCookie().join('\n')).toMatch(/^converge_console=.*HttpOnly; SameSite=Strict$/m);
    const [, formToken = ''] =
      /name="formToken" value="([^"]+)"/.exec(await shown(app, browser.cookie())) ?? [];
    const form = { formToken, reason: 'the outage is over' };
    const done = await app.ask(act, { form, headers: { ...ours, cookie: browser.cookie() } });
    expect(done.status).toBe(303);
    expect(app.acts).toEqual(['eve@shop.example x: the outage is over']);
  });

  it('a person in five thousand groups has a cookie that a browser keeps, and one without a right reads nothing', async () => {
    const app = consoleOf();
    const groups = Array.from({ length: 5_000 }, (_, at) => `group-${at}`);
    provider.accounts.set('eve', { ...eve, groups: [...groups, 'oncall'] });
    const browser = browsing(app);
    await browser.comeBack(await browser.atProvider('eve'));
    expect(browser.cookie().length).toBeLessThan(500);
    expect(await shown(app, browser.cookie())).toContain('name="formToken"');
    provider.accounts.set('eve', { ...eve, groups });
    const other = browsing(app);
    await other.comeBack(await other.atProvider('eve'));
    expect(await shown(app, other.cookie())).toMatch(
      /^403 .*eve@shop.example is signed in, and has no right/s,
    );
  });

  it('G5n: an answer whose token is of another issuer, client, sign-in or key, or over, signs no person in', async () => {
    const app = consoleOf();
    const now = (): number => Math.floor(Date.now() / 1_000);
    const wrong = [
      { iss: 'http://127.0.0.1:1' },
      { aud: 'another-client' },
      { aud: [CLIENT.id, 'another-client'], azp: 'another-client' },
      { nonce: 'of-another-sign-in' },
      { nonce: undefined },
      { exp: now() - 120 },
      { iat: now() + 3_600, nbf: now() + 3_600 },
      { sub: undefined },
    ];
    for (const claims of wrong) {
      provider.tamper = (own) => ({ ...own, ...claims });
      await refuses(app, JSON.stringify(claims));
    }
    provider.tamper = undefined;
    provider.forged = true;
    await refuses(app, 'a foreign key');
  });

  async function refuses(app: AppUnderTest, what: string): Promise<void> {
    const browser = browsing(app);
    const back = await browser.comeBack(await browser.atProvider('eve'));
    expect([what, back.status, browser.cookie()]).toEqual([what, 401, '']);
    expect(await back.text()).toContain('CONSOLE_SIGN_IN_REFUSED');
  }

  it('a provider whose clock is twenty seconds off signs people in', async () => {
    const app = consoleOf();
    for (const off of [-20, 20]) {
      provider.tamper = (own) => {
        const now = Math.floor(Date.now() / 1_000) + off;
        // A token that is over by now, on a clock that is behind; or not valid yet, on one that is ahead.
        return { ...own, iat: now, nbf: now, exp: off < 0 ? now : now + 60 };
      };
      const browser = browsing(app);
      expect([off, (await browser.comeBack(await browser.atProvider('eve'))).status]).toEqual([off, 200]);
    }
  });

  it('after the keys of the provider were replaced, the next sign-in works', async () => {
    const app = consoleOf();
    for (const rotate of [false, true]) {
      if (rotate) provider.rotate();
      const browser = browsing(app);
      expect((await browser.comeBack(await browser.atProvider('eve'))).status).toBe(200);
    }
  });
});

describe('an attack on a sign-in', () => {
  it('G5n: an address of another sign-in signs no person in: without its cookie, with that of another, or a second time', async () => {
    const app = consoleOf();
    const [attacker, victim] = [browsing(app), browsing(app)];
    const lured = await attacker.atProvider('eve');
    expect((await victim.comeBack(lured)).status).toBe(401);
    await victim.atProvider('eve');
    expect((await victim.comeBack(lured)).status).toBe(401);
    expect(victim.cookie()).toBe('');
    const flow = attacker.cookie();
    expect((await attacker.comeBack(lured)).status).toBe(200);
    // The copied cookie and address of a sign-in that has ended.
    expect((await browsing(app).comeBack(lured, flow)).status).toBe(401);
  });

  it('G5n: a sign-in that another console began, or that took longer than ten minutes, is none', async () => {
    const [app, other] = [consoleOf(), consoleOf()];
    const [late, foreign] = [browsing(app), browsing(other)];
    const back = await foreign.atProvider('eve');
    expect((await browsing(app).comeBack(back, foreign.cookie())).status).toBe(401);
    expect((await foreign.comeBack(back)).status).toBe(200);
    expect(await shown(app, foreign.cookie())).toMatch(/^303/);
    const tooLate = await late.atProvider('eve');
    await app.clock.advance(600_001);
    expect((await late.comeBack(tooLate)).status).toBe(401);
  });

  it('G5n: the return address leads to a page of the console alone', async () => {
    const app = consoleOf();
    for (const to of ['//evil.test', '/\\evil.test', 'https://evil.test', '/\t/evil.test']) {
      const browser = browsing(app);
      const back = await browser.comeBack(await browser.atProvider('eve', to));
      expect([to, back.headers.get('refresh')]).toEqual([to, '0;url=/']);
      expect(await back.text()).toContain('<a href="/">Continue');
    }
  });

  it('G5n: tokens in an address and the provider’s error texts are not believed, nor shown', async () => {
    const app = consoleOf();
    const browser = browsing(app);
    const back = await browser.atProvider('eve');
    const state = back.searchParams.get('state') ?? '';
    const session = browser.cookie();
    for (const query of [
      `state=${state}&id_token=a.b.c&access_token=x`,
      `state=${state}&error=access_denied&error_description=call+0800-EVIL`,
      `state=${state}&error=%3Cscript%3E`,
      `code=x`,
    ]) {
      const answer = await browser.comeBack(new URL(`${REDIRECT}?${query}`), session);
      const text = await answer.text();
      expect([query, answer.status]).toEqual([query, 401]);
      for (const secret of ['EVIL', '<script>', 'a.b.c']) expect(text).not.toContain(secret);
    }
  });
});

describe('the session of a person of a provider', () => {
  it('G5n: a session ends after its time, and who left the group acts no more', async () => {
    const app = consoleOf({ CONVERGE__CONSOLE__OIDC__SESSION_MS: '60000' });
    const browser = browsing(app);
    await browser.comeBack(await browser.atProvider('eve'));
    expect(await shown(app, browser.cookie())).toContain('name="formToken"');
    provider.accounts.set('eve', { ...eve, groups: [] });
    await app.clock.advance(60_000);
    expect(await shown(app, browser.cookie())).toMatch(/^303/);
    await browser.comeBack(await browser.atProvider('eve'));
    expect(await shown(app, browser.cookie())).toMatch(/^403/);
  });

  it('a person who signs out has no session, nor has a copy of the cookie, and the page leads out of the provider, too', async () => {
    const app = consoleOf();
    const browser = browsing(app);
    await browser.comeBack(await browser.atProvider('eve'));
    const cookie = browser.cookie();
    const [, formToken = ''] = /name="formToken" value="([^"]+)"/.exec(await shown(app, cookie)) ?? [];
    const out = await app.ask('/sign-out', { form: { formToken }, headers: { ...ours, cookie } });
    const [, address = ''] = /href="(http[^"]*)"/.exec(await out.text()) ?? [];
    expect((await fetch(address.replaceAll('&amp;', '&'))).status).toBe(200);
    expect(await shown(app, cookie)).toMatch(/^303/);
  });
});

describe('a provider that is down', () => {
  it('G5n: while the provider is down the page says so, who is signed in stays so, and tokens work', async () => {
    const down = await startProvider(REDIRECT);
    down.accounts.set('eve', eve);
    const app = consoleOf({ CONVERGE__CONSOLE__OIDC__ISSUER: down.issuer });
    const [signedIn, onTheWay] = [browsing(app), browsing(app)];
    await signedIn.comeBack(await signedIn.atProvider('eve'));
    const back = await onTheWay.atProvider('eve');
    await down.stop();
    const start = await app.ask('/sign-in/start?to=/echo');
    const page = await start.text();
    expect([start.status, page.includes('name="token"')]).toEqual([503, true]);
    expect(page).toContain(`${new URL(down.issuer).host} does not answer`);
    expect((await onTheWay.comeBack(back)).status).toBe(503);
    expect(await shown(app, signedIn.cookie())).toContain('name="formToken"');
    const byToken = { authorization: `Bearer ${TOKENS.ada}` };
    expect((await app.ask('/echo', { headers: byToken })).status).toBe(200);
  });

  it('sign-ins that wait for the provider are bounded, so that a page of another site cannot flood it', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const issuer = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const { ask } = consoleOf({ CONVERGE__CONSOLE__OIDC__ISSUER: issuer });
    const starts = Array.from({ length: 17 }, () => ask('/sign-in/start'));
    expect((await Promise.race(starts)).status).toBe(429);
    silent.closeAllConnections();
    silent.close();
    const statuses = (await Promise.all(starts)).map(({ status }) => status);
    expect(statuses.toSorted()).toEqual([429, ...Array.from({ length: 16 }, () => 503)]);
  });
});
