/**
 * The guards of the console. Seen to fail without: the headers, each directive of the policy (`script-src *`), the Host check, the
 * Origin check, the form's token, the user of an action, the signature of the session, the addresses of the proxy.
 */
import { describe, expect, it } from 'vitest';
import { appUnderTest } from '../fixture/app-under-test.ts';
import { TOKENS } from '../fixture/console-under-test.ts';
import { isAllowedHost } from './guard.ts';
import { visitorOf } from './identify.ts';
import { signer } from './keys.ts';
import { SESSION_MS, sessionOf, userOfSession } from './session.ts';
import { pathOf } from './sign-in.ts';

const ours = { origin: 'http://localhost:7070', 'sec-fetch-site': 'same-origin' };

describe('any answer', () => {
  it('G5n: every answer, also a refusal, forbids inline code, frames, sniffing and referrers', async () => {
    const { ask } = appUnderTest();
    for (const path of ['/echo', '/api/echo', '/static/style.css', '/nowhere']) {
      const { headers } = await ask(path);
      expect(headers.get('content-security-policy')?.split('; ').toSorted()).toEqual([
        "base-uri 'none'",
        "connect-src 'self'",
        "default-src 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "img-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
      ]);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('cache-control')).toBe('no-store');
    }
  });

  it('G5n: a request under another host name is refused, so that a rebound name reaches nothing', async () => {
    const { ask } = appUnderTest({ CONVERGE__CONSOLE__ALLOWED_HOSTS: 'console.example' });
    expect((await ask('/echo', { headers: { host: 'evil.example:7070' } })).status).toBe(421);
    expect((await ask('/echo', { headers: { host: 'Console.Example' } })).status).toBe(200);
    expect(['localhost:1', '127.0.0.1', '[::1]:7070'].map((host) => isAllowedHost(host, []))).toEqual([
      true,
      true,
      true,
    ]);
    expect(['', undefined, 'localhost.evil.example'].map((host) => isAllowedHost(host, []))).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('G5n: a page escapes what it shows, in text and in attributes', async () => {
    const { ask } = appUnderTest();
    const text = `<script>alert(1)</script>" onload="x' &`;
    const page = await (await ask(`/echo?text=${encodeURIComponent(text)}`)).text();
    expect(page).not.toContain('<script>alert');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&quot;x');
  });

  it('a page and its twin leave out what the answer does not declare', async () => {
    const { ask } = appUnderTest();
    expect(await (await ask('/api/echo?text=a')).json()).toEqual({
      text: 'a',
      at: '2026-01-01T00:00:00.000Z',
    });
    expect(await (await ask('/echo')).text()).not.toContain('not in the answer');
  });
});

describe('an action', () => {
  const act = '/echo/x/act';

  it('G5n: a visitor who is not signed in may preview an action and not do it', async () => {
    const { ask, acts } = appUnderTest();
    const preview = await (await ask(act)).text();
    expect(preview).toContain('Sign in to act');
    expect((await ask(act, { form: { reason: 'r' }, headers: ours })).status).toBe(401);
    expect(acts).toEqual([]);
  });

  it('G5n: a signed-in user acts by the form of a page, with a reason', async () => {
    const { ask, acts, signIn, formToken } = appUnderTest();
    const cookie = await signIn();
    const form = { formToken: await formToken(cookie), reason: 'the outage is over' };
    const done = await ask(act, { form, headers: { ...ours, cookie } });
    expect([done.status, done.headers.get('location')]).toEqual([303, expect.stringMatching(/^\/actions\//)]);
    expect(acts).toEqual(['ada x: the outage is over']);
    expect((await ask(act, { form: { ...form, reason: ' ' }, headers: { ...ours, cookie } })).status).toBe(
      400,
    );
  });

  it('G5n: a form without the token of this process and this user changes nothing', async () => {
    const { ask, acts, signIn, formToken } = appUnderTest();
    const [ada, bob] = [await signIn('ada'), await signIn('bob')];
    for (const token of ['', 'wrong', await formToken(bob)]) {
      const form = { formToken: token, reason: 'r' };
      expect((await ask(act, { form, headers: { ...ours, cookie: ada } })).status).toBe(403);
    }
    expect(acts).toEqual([]);
  });

  it('G5n: a request that a page of another site sends changes nothing, even with the right token', async () => {
    const { ask, acts, signIn, formToken } = appUnderTest();
    const cookie = await signIn();
    const form = { formToken: await formToken(cookie), reason: 'r' };
    const strangers = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ];
    for (const stranger of strangers)
      expect((await ask(act, { form, headers: { ...stranger, cookie } })).status).toBe(403);
    expect(acts).toEqual([]);
  });

  it('a form of a page of the console is accepted, also where the browser leaves out its origin', async () => {
    const { ask, acts, signIn, formToken } = appUnderTest();
    const cookie = await signIn();
    const form = { formToken: await formToken(cookie), reason: 'r' };
    const headers = { origin: 'null', 'sec-fetch-site': 'same-origin', cookie };
    expect((await ask(act, { form, headers })).status).toBe(303);
    expect(acts).toEqual(['ada x: r']);
  });

  it('a bearer token acts by the API, and a wrong one does not', async () => {
    const { app, acts } = appUnderTest();
    const post = (token: string) =>
      app.request(
        `/api${act}`,
        {
          method: 'POST',
          headers: {
            host: 'localhost',
            authorization: `Bearer ${token}`,
            'content-type': 'application/json',
          },
          body: JSON.stringify({ reason: 'by script' }),
        },
        {},
      );
    expect((await post('not-a-token-of-any-user')).status).toBe(401);
    expect(await (await post(TOKENS.bob)).json()).toEqual({ text: 'acted', changed: 1, href: '/echo' });
    expect(acts).toEqual(['bob x: by script']);
  });
});

describe('a user', () => {
  const key = signer(Buffer.alloc(32, 1));

  it('a wrong token signs no user in, and the cookie of a session is kept from scripts and other sites', async () => {
    const { ask } = appUnderTest();
    const wrong = await ask('/sign-in', { form: { token: 'x'.repeat(30) }, headers: ours });
    expect([wrong.status, wrong.headers.get('set-cookie')]).toEqual([401, null]);
    const right = await ask('/sign-in', { form: { token: TOKENS.ada }, headers: ours });
    expect(right.headers.get('set-cookie')).toMatch(/HttpOnly.*SameSite=Strict/);
  });

  it('a session that is forged, over, or of another process is none', () => {
    const cookie = sessionOf('ada', 1_000, key);
    expect(userOfSession(cookie, 1_001, key)).toBe('ada');
    const [, end, signature] = cookie.split('.');
    const forged = `${Buffer.from('bob').toString('base64url')}.${end ?? ''}.${signature ?? ''}`;
    expect(userOfSession(forged, 1_001, key)).toBeUndefined();
    expect(userOfSession(cookie, 1_001 + SESSION_MS, key)).toBeUndefined();
    expect(userOfSession(cookie, 1_001, signer(Buffer.alloc(32, 2)))).toBeUndefined();
  });

  it('the user header counts only from the address of the proxy, and only where it is set', () => {
    const claims = { authorization: undefined, cookie: undefined, proxyUser: 'eve', isForeign: false };
    const trust = { tokens: {}, proxy: { userHeader: 'x-user', addresses: ['10.0.0.7'] } };
    const kind = (
      address: string | undefined,
      proxy: Parameters<typeof visitorOf>[1]['proxy'] = trust.proxy,
    ) => visitorOf({ ...claims, address }, { tokens: {}, viewers: [], proxy }, 0, key).kind;
    expect(['10.0.0.7', '::ffff:10.0.0.7', '10.0.0.8', undefined].map((address) => kind(address))).toEqual([
      'operator',
      'operator',
      'reader',
      'reader',
    ]);
    expect(kind('10.0.0.7', { addresses: ['10.0.0.7'] })).toBe('reader');
  });

  it('a user whose token was taken away is signed in no more', () => {
    const claims = {
      authorization: undefined,
      proxyUser: undefined,
      address: undefined,
      cookie: sessionOf('ada', 0, key),
      isForeign: false,
    };
    const proxy = { addresses: [] };
    expect(visitorOf(claims, { tokens: { ada: 'x' }, viewers: [], proxy }, 1, key).kind).toBe('operator');
    expect(visitorOf(claims, { tokens: { bob: 'x' }, viewers: [], proxy }, 1, key).kind).toBe('reader');
  });

  it('signing in leads to a page of the console only', () => {
    expect(
      ['/audit?by=ada', '//evil.example', '/\\evil.example', 'https://evil.example', undefined].map(pathOf),
    ).toEqual(['/audit?by=ada', '/', '/', '/', '/']);
  });
});
