/**
 * Who may read, and who may act. Seen to fail without: the guard of reads, the demotion of a read that another site may have asked
 * for, the list of viewers, the check of the addresses of the proxy.
 */
import { readSettings } from '@convergekit/operate/host';
import { describe, expect, it } from 'vitest';
import { appUnderTest } from '../fixture/app-under-test.ts';
import { TOKENS } from '../fixture/console-under-test.ts';
import { checkAccess, readersOf } from './readers.ts';

const { oidc } = readSettings({}).console;
const act = '/echo/x/act';
const own = { origin: 'http://localhost:7070', 'sec-fetch-site': 'same-origin' };

describe('where only users may read', () => {
  it('a console reads for anyone by default on this machine alone', () => {
    const readers = (host: string) => readersOf({ reads: undefined, host });
    expect(['127.0.0.1', '::1', 'localhost'].map(readers)).toEqual(['anyone', 'anyone', 'anyone']);
    expect(['0.0.0.0', '::', '10.0.0.7', '127.evil'].map(readers)).toEqual(Array(4).fill('signed-in'));
    expect(readersOf({ reads: 'anyone', host: '0.0.0.0' })).toBe('anyone');
  });

  it('a console on which no user could sign in, or that trusts a header from any address, does not start', () => {
    const none = {
      reads: undefined,
      host: '0.0.0.0',
      tokens: {},
      rights: {},
      proxy: { addresses: [] },
      oidc,
    };
    expect(() => checkAccess(none, [])).toThrow(/no user can sign in: give a user a token/);
    expect(() => checkAccess({ ...none, tokens: TOKENS }, [])).not.toThrow();
    expect(() => checkAccess({ ...none, reads: 'anyone' }, [])).not.toThrow();
    const proxy = { userHeader: 'x-user', addresses: [] };
    expect(() => checkAccess({ ...none, proxy }, [])).toThrow(/believed from no address/);
  });
});

describe('a viewer', () => {
  it('a console whose rights name a user that is not there, a group that no login has, an unknown area or database does not start', () => {
    const settings = { reads: undefined, host: '127.0.0.1', tokens: TOKENS, proxy: { addresses: [] }, oidc };
    const right = {
      role: 'viewer' as const,
      users: [] as string[],
      groups: [] as string[],
      areas: ['*'],
    };
    const check = (own: object, more: object = {}) =>
      checkAccess({ ...settings, ...more, rights: { few: { ...right, ...own } } }, ['shop']);
    expect(() => check({ users: ['bob', 'ALICE'] })).toThrow(
      /RIGHTS__FEW__USERS names ALICE.*the users are ada, bob/,
    );
    expect(() => check({ users: ['BOB', ' ada '] })).not.toThrow();
    expect(() => check({})).toThrow('names no user and no group');
    expect(() => check({ groups: ['oncall'] })).toThrow('nothing says who belongs to a group');
    for (const area of ['stock', 'stock:*', 'consumer:', ''])
      expect(() => check({ users: ['bob'], areas: [area] }), area).toThrow('is no area');
    expect(() => check({ users: ['bob'], areas: ['database:ship*'] })).toThrow(
      /no database has this name.*are shop/,
    );
    expect(() => check({ users: ['bob'], areas: ['database:sh*', 'consumer:any'] })).not.toThrow();
    // Whom a proxy names is not known before.
    const proxy = { userHeader: 'x-user', addresses: ['10.0.0.7'] };
    expect(() => check({ users: ['eve'] }, { proxy })).not.toThrow();
  });

  it('a viewer is one under any capitals, of the list, of a token’s name and of a proxy’s header', async () => {
    const shown = async (viewers: string, headers: Readonly<Record<string, string>>): Promise<string> => {
      const { ask } = appUnderTest({
        CONVERGE__CONSOLE__RIGHTS__SOME__ROLE: 'viewer',
        CONVERGE__CONSOLE__RIGHTS__SOME__USERS: viewers,
        CONVERGE__CONSOLE__RIGHTS__ALL__ROLE: 'operator',
        CONVERGE__CONSOLE__RIGHTS__ALL__USERS: 'ada',
        CONVERGE__CONSOLE__PROXY__USER_HEADER: 'x-user',
        CONVERGE__CONSOLE__PROXY__ADDRESSES: '10.0.0.7',
      });
      return (await ask(act, { headers: { ...own, ...headers }, from: '10.0.0.7' })).text();
    };
    const byToken = { authorization: `Bearer ${TOKENS.bob}` };
    for (const viewers of ['bob', 'BOB', 'Bob'])
      for (const headers of [byToken, { 'x-user': 'bob' }, { 'x-user': 'BoB' }])
        expect(await shown(viewers, headers)).toMatch(/bob may read here and not act/i);
    expect(await shown('bob', { authorization: `Bearer ${TOKENS.ada}` })).toContain('name="formToken"');
  });

  it('G5n: a viewer reads, signs out, and neither acts nor sees a payload in full', async () => {
    const { ask, acts, looks, signIn } = appUnderTest({
      CONVERGE__CONSOLE__RIGHTS__FEW__ROLE: 'viewer',
      CONVERGE__CONSOLE__RIGHTS__FEW__USERS: 'ada',
      CONVERGE__CONSOLE__PAYLOADS: 'full',
    });
    const cookie = await signIn('ada');
    const page = await (await ask('/echo', { headers: { cookie } })).text();
    const [, formToken = ''] = /name="formToken" value="([^"]+)"/.exec(page) ?? [];
    expect(await (await ask(act, { headers: { cookie } })).text()).toContain('ada may read here and not act');
    const form = { formToken, reason: 'r' };
    for (const path of [act, '/echo/x/payload'])
      expect((await ask(path, { form, headers: { ...own, cookie } })).status).toBe(403);
    expect([acts, looks]).toEqual([[], []]);
    expect((await ask('/sign-out', { form, headers: { ...own, cookie } })).status).toBe(303);
  });
});
