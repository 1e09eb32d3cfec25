import type { MiddlewareHandler } from 'hono';
import { getCookie } from 'hono/cookie';
import type { Clock } from '@convergekit/core';
import type { Settings } from '@convergekit/cli/operate';
import { type ConsoleTypes, READER, type Visitor } from '../types.ts';
import { SESSION_COOKIE, type Signer, userOfSession, userOfToken } from './session.ts';

export interface Claims {
  readonly authorization: string | undefined;
  readonly cookie: string | undefined;
  /** The user header of the proxy. */
  readonly proxyUser: string | undefined;
  /** The address at the other end of the connection. */
  readonly address: string | undefined;
  /** True for a read that no page of the console is known to have asked for. */
  readonly isForeign: boolean;
}

type Trust = Pick<Settings['console'], 'tokens' | 'proxy' | 'viewers'>;

/**
 * Decides who a request comes from. A proxy's header counts only from its addresses, and only where it is set. A proxy adds it to
 * every request of a browser, so another site's page could have this user look at what leaves a row in the audit: what the browser
 * does not call its own is read as a viewer. Pure.
 */
export function visitorOf(claims: Claims, trust: Trust, now: number, signer: Signer): Visitor {
  const known = (user: string, via: 'token' | 'session' | 'proxy'): Visitor => ({
    kind: trust.viewers.includes(user) || (via === 'proxy' && claims.isForeign) ? 'viewer' : 'operator',
    user,
    via,
    formToken: signer.sign('form', user),
  });
  const bearer = /^Bearer (.+)$/i.exec(claims.authorization ?? '')?.[1];
  const byToken = bearer === undefined ? undefined : userOfToken(bearer, trust.tokens);
  if (byToken !== undefined) return known(byToken, 'token');
  const byCookie = claims.cookie === undefined ? undefined : userOfSession(claims.cookie, now, signer);
  // A user whose token was taken away since is not signed in any more.
  if (byCookie !== undefined && Object.hasOwn(trust.tokens, byCookie)) return known(byCookie, 'session');
  const { proxyUser = '', address } = claims;
  const isProxy = address !== undefined && trust.proxy.addresses.includes(address.replace(/^::ffff:/, ''));
  if (trust.proxy.userHeader !== undefined && isProxy && proxyUser.trim() !== '')
    return known(proxyUser.trim(), 'proxy');
  return READER;
}

const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD';
const isOwn = (site: string | undefined): boolean => site === 'same-origin' || site === 'none';

/** Sets the visitor of each request. */
export function identify(settings: Settings, clock: Clock, signer: Signer): MiddlewareHandler<ConsoleTypes> {
  const trust = settings.console;
  return async (c, next) => {
    const claims: Claims = {
      authorization: c.req.header('authorization'),
      cookie: getCookie(c, SESSION_COOKIE),
      proxyUser: trust.proxy.userHeader === undefined ? undefined : c.req.header(trust.proxy.userHeader),
      address: c.env.incoming?.socket.remoteAddress,
      isForeign: isRead(c.req.method) && !isOwn(c.req.header('sec-fetch-site')),
    };
    c.set('visitor', visitorOf(claims, trust, clock.now(), signer));
    await next();
  };
}
