import { readSettings } from '@convergekit/operate/host';
import { describe, expect, it } from 'vitest';
import { personOf } from './person.ts';
import { providerSettings } from './provider-settings.ts';

const at = (more: Readonly<Record<string, string | undefined>>, base = '') => {
  const given = {
    CONVERGE__CONSOLE__OIDC__ISSUER: 'https://login.example/main',
    CONVERGE__CONSOLE__OIDC__CLIENT_ID: 'console',
    CONVERGE__CONSOLE__OIDC__REDIRECT_URI: 'https://ops.example/sign-in/callback',
    CONVERGE__CONSOLE__RIGHTS__ALL__ROLE: 'viewer',
    CONVERGE__CONSOLE__RIGHTS__ALL__GROUPS: 'all',
    ...more,
  };
  return providerSettings(readSettings(given).console, base);
};

describe('the settings of a provider', () => {
  it('settings under which a sign-in could not work, or would make everyone an administrator, say what to set', () => {
    expect(at({})).toMatchObject({ clientId: 'console', nameClaim: 'email' });
    expect(at({ CONVERGE__CONSOLE__OIDC__ISSUER: undefined })).toBeUndefined();
    expect(at({ CONVERGE__CONSOLE__OIDC__CLIENT_ID: undefined })).toMatch(/OIDC__CLIENT_ID/);
    for (const uri of [undefined, 'https://ops.example/', 'https://ops.example/ops/sign-in/callback'])
      expect(at({ CONVERGE__CONSOLE__OIDC__REDIRECT_URI: uri })).toMatch(
        /OIDC__REDIRECT_URI is .* then \/sign-in\/callback/,
      );
    expect(at({}, '/ops')).toMatch(/then \/ops\/sign-in\/callback/);
    expect(at({ CONVERGE__CONSOLE__OIDC__ISSUER: 'http://login.example' })).toMatch(/only https/);
    expect(at({ CONVERGE__CONSOLE__OIDC__REDIRECT_URI: 'http://ops.example/sign-in/callback' })).toMatch(
      /only https/,
    );
    expect(at({ CONVERGE__CONSOLE__OIDC__ISSUER: 'http://127.0.0.1:8080' })).toBeTypeOf('object');
    const none = {
      CONVERGE__CONSOLE__RIGHTS__ALL__ROLE: undefined,
      CONVERGE__CONSOLE__RIGHTS__ALL__GROUPS: undefined,
    };
    expect(at(none)).toMatch(/would be an administrator/);
  });
});

describe('the person of a provider’s claims', () => {
  const settings = { nameClaim: 'email', groupsClaim: 'groups', issuer: new URL('https://login.example') };
  const person = (claims: object, more: object = {}) =>
    personOf({ ...claims }, { ...settings, ...more }, new Set(['oncall']));

  it('a person has a name that the provider stands for, and the groups that rights name', () => {
    expect(person({ email: ' eve@shop.example ', groups: ['oncall', 'other', 7, 'oncall'] })).toEqual({
      user: 'eve@shop.example',
      groups: ['oncall'],
    });
    expect(
      person({ sub: '1', upn: 'eve', teams: 'oncall' }, { nameClaim: 'upn', groupsClaim: 'teams' }),
    ).toEqual({ user: 'eve', groups: ['oncall'] });
    expect(person({ email: 'eve@shop.example' })).toMatchObject({ groups: [] });
    expect(person({ sub: '1', name: 'Eve' })).toMatch(/gave no email: it gave name, sub.*OIDC__NAME_CLAIM/);
    for (const email of ['', ' ', 7, null]) expect(person({ email })).toMatch(/gave no email/);
    expect(person({ email: 'eve@shop.example', email_verified: false })).toMatch(
      /has not verified the email/,
    );
  });
});
