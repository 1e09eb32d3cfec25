/**
 * The guards of the console, by its answers. Seen to fail without: the headers, each directive of the policy (`script-src *`), the
 * Host check, the Origin check, the form's token, the user of an action, the guard of reads, the demotion of a read that another
 * site may have asked for.
 */
import { describe, expect, it } from 'vitest';
import { appUnderTest } from '../fixture/app-under-test.ts';
import { TOKENS } from '../fixture/console-under-test.ts';

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
    for (const host of ['localhost:1', '127.0.0.1', '[::1]:7070'])
      expect((await ask('/echo', { headers: { host } })).status).toBe(200);
    for (const host of ['', 'localhost.evil.example'])
      expect((await ask('/echo', { headers: { host } })).status).toBe(421);
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

describe('where only users may read', () => {
  const act = '/echo/x/act';
  const signedIn = { CONVERGE__CONSOLE__READS: 'signed-in' };

  it('G5n: a visitor without a name gets the way to sign in, and nothing of the pages or the API', async () => {
    const { ask, signIn } = appUnderTest(signedIn);
    const page = await ask('/echo?text=seen');
    expect([page.status, page.headers.get('location')]).toEqual([303, '/sign-in?to=%2Fecho%3Ftext%3Dseen']);
    for (const path of ['/api/echo?text=seen', '/api/openapi.json', `/api${act}`, '/api/nowhere'])
      expect([path, (await ask(path)).status]).toEqual([path, 401]);
    expect((await ask('/static/style.css')).status).toBe(200);
    const cookie = await signIn();
    expect(await (await ask('/echo?text=seen', { headers: { cookie } })).text()).toContain('seen');
  });
});

describe('a user whom a proxy names', () => {
  const act = '/echo/x/act';
  const settings = {
    CONVERGE__CONSOLE__PROXY__USER_HEADER: 'x-user',
    CONVERGE__CONSOLE__PROXY__ADDRESSES: '10.0.0.7',
  };
  const shown = async (site: string | undefined): Promise<string> => {
    const { ask } = appUnderTest(settings);
    const headers = { 'x-user': 'eve', ...(site !== undefined && { 'sec-fetch-site': site }) };
    return (await ask(act, { headers, from: '10.0.0.7' })).text();
  };

  it('G5n: a read that the page of another site may have asked for is a viewer’s: it leaves no row in a user’s name', async () => {
    for (const site of ['cross-site', 'same-site', undefined])
      expect(await shown(site)).toContain('eve may read here and not act');
    for (const site of ['same-origin', 'none']) expect(await shown(site)).toContain('name="formToken"');
  });
});
