import { rightsFaults, type Settings } from '@convergekit/operate/host';
import { ConvergeError } from '@convergekit/core';

import type { Mount } from './identify.ts';
import { hasClientLibrary, providerSettings } from './oidc/provider-settings.ts';

type Console = Settings['console'];

const LOOPBACK = /^(localhost|127(\.\d+){3}|::1)$/;

/** Who may read: by the setting, else anyone where only this machine reaches the console. Pure. */
export function readersOf(
  { reads, host }: Pick<Console, 'reads' | 'host'>,
  mount?: Mount,
): 'anyone' | 'signed-in' {
  return reads ?? (mount === undefined && LOOPBACK.test(host) ? 'anyone' : 'signed-in');
}

/**
 * The hosts under which the console answers; `any` where another name that points here reaches nothing: a browser
 * has no cookie for it, and nothing is read without one. Pure.
 */
export function hostsOf(console: Console, mount: Mount | undefined): readonly string[] | 'any' {
  const isOpen = readersOf(console, mount) === 'anyone' || console.proxy.userHeader !== undefined;
  return mount !== undefined && !isOpen && console.allowedHosts.length === 0 ? 'any' : console.allowedHosts;
}

/** Throws CONFIG_INVALID for settings under which no user could be known, or any process could be any user. */
export function checkAccess(
  settings: Pick<Console, 'reads' | 'host' | 'tokens' | 'rights' | 'proxy' | 'oidc'>,
  databases: readonly string[],
  mount?: Mount,
  base = '',
): void {
  const provider = providerSettings(settings, base);
  if (typeof provider === 'string') throw invalid(provider);
  if (provider !== undefined && !hasClientLibrary())
    throw invalid(
      `people sign in at ${provider.issuer.href}, and the library for it is not installed: run \`npm install openid-client@6\``,
    );
  const { userHeader, addresses } = settings.proxy;
  if (userHeader !== undefined && addresses.length === 0)
    throw invalid(
      `the header ${userHeader} of a proxy is believed from no address: give those of the proxy in CONVERGE__CONSOLE__PROXY__ADDRESSES`,
    );
  const hasLogin = mount?.findPerson !== undefined || provider !== undefined;
  // Who a proxy, a provider or an application names is not known before.
  const users = hasLogin || userHeader !== undefined ? undefined : Object.keys(settings.tokens);
  const [fault] = rightsFaults(settings.rights, { users, hasGroups: hasLogin, databases });
  if (fault !== undefined) throw invalid(fault);
  const hasUsers = hasLogin || userHeader !== undefined || Object.keys(settings.tokens).length > 0;
  if (readersOf(settings, mount) === 'signed-in' && !hasUsers)
    throw invalid(
      mount !== undefined
        ? 'the console is mounted in an application, where only users may read, and no user can sign in: give consoleHandler `person`, which returns who is signed in to the application, or give a user a token (CONVERGE__CONSOLE__TOKENS__ALICE)'
        : `the console listens on ${settings.host}, where only users may read, and no user can sign in: give a user a token (CONVERGE__CONSOLE__TOKENS__ALICE), name a provider (CONVERGE__CONSOLE__OIDC__ISSUER) or the header of a proxy, or let anyone read who reaches it (CONVERGE__CONSOLE__READS=anyone)`,
    );
}

function invalid(message: string): ConvergeError {
  return new ConvergeError(message, {
    code: 'CONFIG_INVALID',
    category: 'configuration',
    certainty: 'not_applied',
  });
}
