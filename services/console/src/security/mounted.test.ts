/**
 * The console with the login of an application. Seen to fail without: the form's token of its users, the demotion of a read that
 * another site may have asked for, the readers of a mounted console.
 */
import { readSettings } from '@convergekit/operate/host';
import { describe, expect, it } from 'vitest';
import { appUnderTest } from '../fixture/app-under-test.ts';
import { TOKENS } from '../fixture/console-under-test.ts';
import type { ConsolePerson } from './identify.ts';
import type { Mount } from './identify.ts';
import { checkAccess } from './readers.ts';

const own = { origin: 'http://localhost:7070', 'sec-fetch-site': 'same-origin' };
const act = '/echo/x/act';

/** An application whose session cookie is the name of its user. */
const login = (role: ConsolePerson['role'] = 'operator'): Mount => ({
  findPerson: (request) => {
    const [, name] = /login=(\w*)/.exec(request.headers.get('cookie') ?? '') ?? [];
    return name === undefined ? undefined : { name, role };
  },
});
const eve = { cookie: 'login=eve' };
const { oidc } = readSettings({}).console;
const none = { reads: undefined, host: '127.0.0.1', tokens: {}, rights: {}, proxy: { addresses: [] }, oidc };

describe('a console in an application', () => {
  it('only users of the application read by default, also on this machine, and without any login it does not start', async () => {
    const { ask } = appUnderTest({}, login());
    expect((await ask('/echo')).status).toBe(303);
    expect((await ask('/api/echo')).status).toBe(401);
    expect((await ask('/api/echo', { headers: eve })).status).toBe(200);
    expect(() => checkAccess(none, [], login())).not.toThrow();
    expect(() => checkAccess(none, [], { findPerson: undefined })).toThrow(/give consoleHandler `person`/);
  });

  it('it answers under the host of its application, unless anyone may read or hosts are named', async () => {
    const headers = { ...eve, host: 'shop.example' };
    const statusOf = async (environment: Readonly<Record<string, string>>) =>
      (await appUnderTest(environment, login()).ask('/echo', { headers })).status;
    expect(await statusOf({})).toBe(200);
    expect(await statusOf({ CONVERGE__CONSOLE__READS: 'anyone' })).toBe(421);
    expect(await statusOf({ CONVERGE__CONSOLE__ALLOWED_HOSTS: 'other.example' })).toBe(421);
  });

  it('a user of the application acts by a form of the console alone: its cookie comes with every request', async () => {
    const { ask, acts } = appUnderTest({}, login());
    const page = await (await ask(act, { headers: { ...own, ...eve } })).text();
    const [, formToken = ''] = /name="formToken" value="([^"]+)"/.exec(page) ?? [];
    const post = async (token: string, headers: Readonly<Record<string, string>>) =>
      (await ask(act, { form: { formToken: token, reason: 'r' }, headers: { ...headers, ...eve } })).status;
    expect(await post('', own)).toBe(403);
    expect(await post(formToken, { 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await post(formToken, { origin: 'https://evil.test' })).toBe(403);
    expect(acts).toEqual([]);
    expect(await post(formToken, own)).toBe(303);
    expect(acts).toEqual(['eve x: r']);
  });

  it('a GET never acts, and one that a page of another site may have asked for is a viewer’s', async () => {
    const { ask, acts } = appUnderTest({}, login());
    const page = await ask(`${act}?reason=r`, { headers: { ...eve, 'sec-fetch-site': 'cross-site' } });
    expect(await page.text()).toContain('eve may read here and not act');
    expect(acts).toEqual([]);
  });

  it('a person of the application may be a viewer, and one without a name is not signed in', async () => {
    const viewer = appUnderTest({}, login('viewer'));
    expect(await (await viewer.ask(act, { headers: { ...own, ...eve } })).text()).toContain(
      'may read here and not act',
    );
    expect((await viewer.ask('/api/echo', { headers: { cookie: 'login=' } })).status).toBe(401);
  });

  it('tokens of the settings work beside the login of the application', async () => {
    const { ask } = appUnderTest({}, login());
    const headers = { authorization: `Bearer ${TOKENS.ada}` };
    expect(await (await ask(act, { headers: { ...own, ...headers } })).text()).toContain('name="formToken"');
  });
});
