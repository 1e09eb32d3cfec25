/**
 * Rights by role and area. Seen to fail without: the check of an act, of a look and of a stop, the area in the decision, the refusal
 * of a user without a right.
 */
import { concernedText, EVERYTHING, grantsOf, isPermitted, type Right } from '@convergekit/operate/host';
import { describe, expect, it } from 'vitest';
import { appUnderTest } from '../fixture/app-under-test.ts';
import { TOKENS } from '../fixture/console-under-test.ts';
import type { Mount } from './identify.ts';

const right = (role: Right['role'], areas: readonly string[] = ['*']): Right => ({
  role,
  areas,
  users: [],
  groups: [],
});

describe('the decision', () => {
  it('a role has the rights of those below it, and none of those above', () => {
    const permitted = (role: Right['role']) =>
      (['viewer', 'operator', 'administrator'] as const).map((needs) =>
        isPermitted([right(role)], needs, {}),
      );
    expect(permitted('viewer')).toEqual([true, false, false]);
    expect(permitted('operator')).toEqual([true, true, false]);
    expect(permitted('administrator')).toEqual([true, true, true]);
  });

  it.each([
    ['*', EVERYTHING, true],
    ['consumer:stock', { database: 'shop', consumer: 'stock' }, true],
    ['consumer:stock-*', { consumer: 'stock-eu' }, true],
    ['consumer:stock-*', { consumer: 'stock' }, false],
    ['consumer:st.ck', { consumer: 'stock' }, false],
    ['consumer:stock', { consumer: 'stock2' }, false],
    ['database:shop', { database: 'shop', consumer: '*' }, true],
    // An act on any consumer is in the area of all consumers alone.
    ['consumer:stock', { database: '*', consumer: '*' }, false],
    ['consumer:stock*', { database: '*', consumer: '*' }, false],
    ['consumer:*', { database: '*', consumer: '*' }, true],
    ['consumer:*', { saga: 'order' }, false],
    ['consumer', { consumer: 'consumer' }, false],
    ['constructor:*', { consumer: 'stock' }, false],
  ] as const)('the area %j decides over an act on %j: %j', (area, concerned, expected) => {
    expect(isPermitted([right('operator', [area])], 'operator', concerned)).toBe(expected);
  });

  it('a person has the rights of the name and of each group, and a group is compared letter by letter', () => {
    const rights = {
      a: { ...right('viewer'), users: ['Ada'] },
      b: { ...right('operator', ['saga:order']), groups: ['oncall'] },
    };
    const roles = (name: string, groups: readonly string[]) =>
      grantsOf({ name, groups }, rights).map(({ role }) => role);
    expect(roles('ADA ', ['oncall'])).toEqual(['viewer', 'operator']);
    expect(roles('eve', ['Oncall', 'ada', 'constructor'])).toEqual([]);
    expect(concernedText({ database: 'shop', consumer: '*' })).toBe('any consumer of database shop');
  });
});

const RIGHTS = {
  CONVERGE__CONSOLE__RIGHTS__STOCK__ROLE: 'operator',
  CONVERGE__CONSOLE__RIGHTS__STOCK__USERS: 'ada',
  CONVERGE__CONSOLE__RIGHTS__STOCK__GROUPS: 'stock-oncall',
  CONVERGE__CONSOLE__RIGHTS__STOCK__AREAS: 'consumer:stock-*',
  CONVERGE__CONSOLE__PAYLOADS: 'full',
};
const own = { origin: 'http://localhost:7070', 'sec-fetch-site': 'same-origin' };
const ada = { ...own, authorization: `Bearer ${TOKENS.ada}` };

describe('an operator of an area', () => {
  it('acts in it; elsewhere the page has no form and says who may, and a request is refused', async () => {
    const { ask, acts } = appUnderTest(
      {
        ...RIGHTS,
        CONVERGE__CONSOLE__RIGHTS__ALL__ROLE: 'administrator',
        CONVERGE__CONSOLE__RIGHTS__ALL__USERS: 'bob',
        CONVERGE__CONSOLE__RIGHTS__ALL__GROUPS: 'platform',
      },
      { findPerson: () => undefined },
    );
    expect(await (await ask('/echo/stock-eu/act', { headers: ada })).text()).toContain('name="formToken"');
    const page = await (await ask('/echo/payments/act', { headers: ada })).text();
    expect(page).not.toContain('name="formToken"');
    expect(page).toContain(
      'it needs the role operator for consumer payments of database shop. These may: bob, group platform',
    );
    const post = async (name: string) =>
      (await ask(`/echo/${name}/act`, { form: { reason: 'r' }, headers: ada })).status;
    expect([await post('stock-eu'), await post('payments')]).toEqual([303, 403]);
    expect(acts).toEqual(['ada stock-eu: r']);
  });

  it('sees no payload outside of it, and the attempt leaves no look', async () => {
    const { ask, looks } = appUnderTest({ ...RIGHTS, CONVERGE__CONSOLE__RIGHTS__STOCK__GROUPS: '' });
    expect((await ask('/echo/x/payload', { form: { reason: 'r' }, headers: ada })).status).toBe(403);
    expect(looks).toEqual([]);
  });

  it('a user whom no right names may not even read, and the answer says so', async () => {
    const { ask } = appUnderTest({
      ...RIGHTS,
      CONVERGE__CONSOLE__RIGHTS__STOCK__GROUPS: '',
      CONVERGE__CONSOLE__READS: 'signed-in',
    });
    const answer = await ask('/api/echo', { headers: { ...own, authorization: `Bearer ${TOKENS.bob}` } });
    expect([answer.status, await answer.json()]).toEqual([
      403,
      expect.objectContaining({
        code: 'CONSOLE_NO_RIGHT',
        message: expect.stringContaining('bob is signed in') as string,
      }),
    ]);
  });
});

describe('a person of the application', () => {
  const mount = (groups: () => readonly string[]): Mount => ({
    findPerson: () => ({ name: 'eve', groups: groups() }),
  });

  it('has the rights of the groups at each request: who left a group acts no more, with the form that was open', async () => {
    let groups: readonly string[] = ['stock-oncall'];
    const { ask, acts } = appUnderTest(
      RIGHTS,
      mount(() => groups),
    );
    const path = '/echo/stock-eu/act';
    const [, formToken = ''] =
      /name="formToken" value="([^"]+)"/.exec(await (await ask(path, { headers: own })).text()) ?? [];
    const post = async () => (await ask(path, { form: { formToken, reason: 'r' }, headers: own })).status;
    expect(await post()).toBe(303);
    groups = [];
    expect(await post()).toBe(403);
    expect(acts).toEqual(['eve stock-eu: r']);
  });

  it('without a role, and without any rights in the settings, is a viewer', async () => {
    const { ask } = appUnderTest(
      {},
      mount(() => []),
    );
    expect(await (await ask('/echo/x/act', { headers: own })).text()).toContain(
      'eve may read here and not act',
    );
  });
});
