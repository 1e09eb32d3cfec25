import type { Settings } from '@convergekit/operate/host';
import { ConvergeError } from '@convergekit/core';

import { unknownViewers } from './identify.ts';

type Console = Settings['console'];

const LOOPBACK = /^(localhost|127(\.\d+){3}|::1)$/;

/** Who may read: by the setting, else anyone where only this machine reaches the console. Pure. */
export function readersOf({ reads, host }: Pick<Console, 'reads' | 'host'>): 'anyone' | 'signed-in' {
  return reads ?? (LOOPBACK.test(host) ? 'anyone' : 'signed-in');
}

/** Throws CONFIG_INVALID for settings under which no user could be known, or any process could be any user. */
export function checkAccess(
  settings: Pick<Console, 'reads' | 'host' | 'tokens' | 'viewers' | 'proxy'>,
): void {
  const { userHeader, addresses } = settings.proxy;
  if (userHeader !== undefined && addresses.length === 0)
    throw invalid(
      `the header ${userHeader} of a proxy is believed from no address: give those of the proxy in CONVERGE__CONSOLE__PROXY__ADDRESSES`,
    );
  const unknown = unknownViewers(settings);
  if (unknown.length > 0)
    throw invalid(
      `CONVERGE__CONSOLE__VIEWERS names ${unknown.join(', ')}, and no user has this name, so whom you mean could act: its users are ${Object.keys(settings.tokens).join(', ') || 'none'}. Correct the name, or give the user a token (CONVERGE__CONSOLE__TOKENS__<USER>)`,
    );
  const hasUsers = userHeader !== undefined || Object.keys(settings.tokens).length > 0;
  if (readersOf(settings) === 'signed-in' && !hasUsers)
    throw invalid(
      `the console listens on ${settings.host}, where only users may read, and no user can sign in: give a user a token (CONVERGE__CONSOLE__TOKENS__ALICE), name the header of a proxy, or let anyone read who reaches it (CONVERGE__CONSOLE__READS=anyone)`,
    );
}

function invalid(message: string): ConvergeError {
  return new ConvergeError(message, {
    code: 'CONFIG_INVALID',
    category: 'configuration',
    certainty: 'not_applied',
  });
}
