import { createRequire } from 'node:module';
import type { Settings } from '@convergekit/operate/host';

/** The settings of a provider that can be used. */
export interface ProviderSettings {
  readonly issuer: URL;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly redirectUri: URL;
  readonly scopes: string;
  readonly nameClaim: string;
  readonly groupsClaim: string;
  readonly sessionMs: number;
}

/** The path to which the provider sends people back, below the console's base path. */
export const CALLBACK = '/sign-in/callback';

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const isPrivate = ({ protocol, hostname }: URL): boolean => protocol === 'https:' || LOOPBACK.has(hostname);

type Console = Pick<Settings['console'], 'oidc' | 'rights'>;

/** Returns the provider of the settings; undefined = none is set. A text says what is wrong with them. Pure. */
export function providerSettings(
  { oidc, rights }: Console,
  base: string,
): ProviderSettings | string | undefined {
  const { issuer, clientId, clientSecret, redirectUri, ...rest } = oidc;
  if (issuer === undefined) return undefined;
  const at = (name: string): string => `CONVERGE__CONSOLE__OIDC__${name}`;
  if (clientId === undefined)
    return `people sign in at ${issuer}: name the console there in ${at('CLIENT_ID')}`;
  const expected = `${base}${CALLBACK}`;
  const isOfConsole = redirectUri !== undefined && new URL(redirectUri).pathname === expected;
  if (!isOfConsole)
    return `${at('REDIRECT_URI')} is ${redirectUri ?? 'not set'}: write the address of the console in a browser, and then ${expected}, as it is registered at ${issuer}`;
  const parsed = { issuer: new URL(issuer), redirectUri: new URL(redirectUri) };
  const open = Object.values(parsed).find((url) => !isPrivate(url));
  if (open !== undefined) return `${open.href} is not private: only https is, except on this machine`;
  if (Object.keys(rights).length === 0)
    return `everyone who has a login at ${issuer} would be an administrator: give rights to people or groups (CONVERGE__CONSOLE__RIGHTS__<NAME>__ROLE and __GROUPS)`;
  return { ...parsed, clientId, clientSecret, ...rest };
}

/** Returns whether the library of OpenID Connect, which is optional, is installed. */
export function hasClientLibrary(): boolean {
  try {
    createRequire(import.meta.url).resolve('openid-client');
    return true;
  } catch {
    return false;
  }
}
