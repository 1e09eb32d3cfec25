import type { MiddlewareHandler } from 'hono';
import { getCookie } from 'hono/cookie';
import type { Clock } from '@convergekit/core';
import type { Settings } from '@convergekit/cli/operate';
import type { ConsoleTypes } from '../types.ts';
import type { Signer } from './keys.ts';
import { SESSION_COOKIE, userOfSession, userOfToken } from './session.ts';
import { READER, type Visitor } from './visitor.ts';

export interface Claims {
  readonly authorization: string | undefined;
  readonly cookie: string | undefined;
  /** The user header of the proxy. */
  readonly proxyUser: string | undefined;
  /** The address at the other end of the connection. */
  readonly address: string | undefined;
}

type Trust = Pick<Settings['console'], 'tokens' | 'proxy'>;

/** Decides who a request comes from. A proxy's header counts only from its addresses, and only where it is set. Pure. */
export function visitorOf(claims: Claims, trust: Trust, now: number, signer: Signer): Visitor {
  const operator = (user: string, via: 'token' | 'session' | 'proxy'): Visitor => ({
    kind: 'operator',
    user,
    via,
    formToken: signer.sign('form', user),
  });
  const bearer = /^Bearer (.+)$/i.exec(claims.authorization ?? '')?.[1];
  const byToken = bearer === undefined ? undefined : userOfToken(bearer, trust.tokens);
  if (byToken !== undefined) return operator(byToken, 'token');
  const byCookie = claims.cookie === undefined ? undefined : userOfSession(claims.cookie, now, signer);
  // A user whose token was taken away since is not signed in any more.
  if (byCookie !== undefined && Object.hasOwn(trust.tokens, byCookie)) return operator(byCookie, 'session');
  const { proxyUser = '', address } = claims;
  const isProxy = address !== undefined && trust.proxy.addresses.includes(address.replace(/^::ffff:/, ''));
  if (trust.proxy.userHeader !== undefined && isProxy && proxyUser.trim() !== '')
    return operator(proxyUser.trim(), 'proxy');
  return READER;
}

/** Sets the visitor of each request. */
export function identify(settings: Settings, clock: Clock, signer: Signer): MiddlewareHandler<ConsoleTypes> {
  const trust = settings.console;
  return async (c, next) => {
    const claims: Claims = {
      authorization: c.req.header('authorization'),
      cookie: getCookie(c, SESSION_COOKIE),
      proxyUser: trust.proxy.userHeader === undefined ? undefined : c.req.header(trust.proxy.userHeader),
      address: c.env.incoming?.socket.remoteAddress,
    };
    c.set('visitor', visitorOf(claims, trust, clock.now(), signer));
    await next();
  };
}
