/** Sessions and users of the console. Seen to fail without: the signature of the session, the addresses of the proxy. */
import { describe, expect, it } from 'vitest';
import { appUnderTest } from '../fixture/app-under-test.ts';
import { TOKENS } from '../fixture/console-under-test.ts';
import { visitorOf } from './identify.ts';
import { SESSION_MS, Sessions, signer } from './session.ts';
import { pathOf } from '../routes/base-path.ts';

const ours = { origin: 'http://localhost:7070', 'sec-fetch-site': 'same-origin' };

describe('a user', () => {
  const key = signer(Buffer.alloc(32, 1));

  it('G5n: a wrong token signs no user in, and the cookie of a session is kept from scripts and other sites', async () => {
    const { ask } = appUnderTest();
    const wrong = await ask('/sign-in', { form: { token: 'x'.repeat(30) }, headers: ours });
    expect([wrong.status, wrong.headers.get('set-cookie')]).toEqual([401, null]);
    const right = await ask('/sign-in', { form: { token: TOKENS.ada }, headers: ours });
    expect(right.headers.get('set-cookie')).toMatch(/HttpOnly.*SameSite=Strict/);
  });

  it('G5n: a session that is forged, over, or of another process is none', () => {
    const sessions = new Sessions(key);
    const cookie = sessions.begin({ user: 'ada' }, 1_000);
    expect(sessions.userOf(cookie, 1_001)?.user).toBe('ada');
    const [content = '', signature = ''] = cookie.split('.');
    const text = Buffer.from(content, 'base64url').toString().replace('ada', 'bob');
    expect(text).toContain('bob');
    const forged = `${Buffer.from(text).toString('base64url')}.${signature}`;
    for (const other of [forged, `${cookie}.x`, content, ''])
      expect(sessions.userOf(other, 1_001)).toBeUndefined();
    expect(sessions.userOf(cookie, 1_001 + SESSION_MS)).toBeUndefined();
    expect(new Sessions(signer(Buffer.alloc(32, 2))).userOf(cookie, 1_001)).toBeUndefined();
  });

  it('a cookie that was copied is worth nothing after its user signed out, and another user’s stays', async () => {
    const { ask, signIn, formToken } = appUnderTest({ CONVERGE__CONSOLE__READS: 'signed-in' });
    const [ada, bob] = [await signIn('ada'), await signIn('bob')];
    const statusOf = async (cookie: string) => (await ask('/echo', { headers: { cookie } })).status;
    expect([await statusOf(ada), await statusOf(bob)]).toEqual([200, 200]);
    const form = { formToken: await formToken(ada) };
    expect((await ask('/sign-out', { form, headers: { ...ours, cookie: ada } })).status).toBe(303);
    expect([await statusOf(ada), await statusOf(bob)]).toEqual([303, 200]);
    expect(await statusOf(await signIn('ada'))).toBe(200);
  });

  it('the user header counts only from the address of the proxy, and only where it is set', () => {
    const claims = { authorization: undefined, cookie: undefined, proxyUser: 'eve', isForeign: false };
    const trust = { tokens: {}, proxy: { userHeader: 'x-user', addresses: ['10.0.0.7'] } };
    const kind = (
      address: string | undefined,
      proxy: Parameters<typeof visitorOf>[1]['proxy'] = trust.proxy,
    ) => visitorOf({ ...claims, address }, { tokens: {}, rights: {}, proxy }, 0, new Sessions(key)).kind;
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
      cookie: new Sessions(key).begin({ user: 'ada' }, 0),
      isForeign: false,
    };
    const proxy = { addresses: [] };
    expect(visitorOf(claims, { tokens: { ada: 'x' }, rights: {}, proxy }, 1, new Sessions(key)).kind).toBe(
      'operator',
    );
    expect(visitorOf(claims, { tokens: { bob: 'x' }, rights: {}, proxy }, 1, new Sessions(key)).kind).toBe(
      'reader',
    );
  });
});

describe('after a sign-in', () => {
  it.each([
    '//evil.test',
    '/\\evil.test',
    '/\t/evil.test',
    '/\n/evil.test',
    'https://evil.test',
    'javascript:x',
    '',
    undefined,
  ])('%j leads to the home page', (to) => {
    expect(pathOf(to)).toBe('/');
    if (to?.startsWith('/') === true)
      expect(new URL(to, 'http://console.test').origin).not.toBe('http://console.test');
  });

  it('a path of the console is kept with its query', () => {
    expect(pathOf('/sagas?state=stuck&q=a b')).toBe('/sagas?state=stuck&q=a b');
  });
});
