import type { Context, MiddlewareHandler } from 'hono';
import { getCookie } from 'hono/cookie';
import type { Clock } from '@convergekit/core';
import type { Settings } from '@convergekit/operate/host';
import { type ConsoleTypes, READER, type Visitor } from '../types.ts';
import { ConsoleRefusal } from '../errors.ts';
import { SESSION_COOKIE, type Sessions, userOfToken } from './session.ts';
import type { SignInLimit } from './sign-in-limit.ts';

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

const bearerOf = ({ authorization }: Claims): string | undefined =>
  /^Bearer (.+)$/i.exec(authorization ?? '')?.[1];

/** Names are compared without regard to capitals: a proxy may write them as its user did. */
const folded = (name: string): string => name.trim().toLowerCase();

function isViewer(user: string, { viewers }: Pick<Trust, 'viewers'>): boolean {
  return viewers.some((one) => folded(one) === folded(user));
}

/** Returns the viewers of the list that no user is, where all users are known: those who have a token. */
export function unknownViewers({ viewers, tokens, proxy }: Trust): readonly string[] {
  if (proxy.userHeader !== undefined) return [];
  const users = Object.keys(tokens).map(folded);
  return viewers.filter((one) => !users.includes(folded(one)));
}

/**
 * Decides who a request comes from. A proxy's header counts only from its addresses, and only where it is set. A proxy adds it to
 * every request of a browser, so another site's page could have this user look at what leaves a row in the audit: what the browser
 * does not call its own is read as a viewer. Pure.
 */
export function visitorOf(claims: Claims, trust: Trust, now: number, sessions: Sessions): Visitor {
  const known = (user: string, via: 'token' | 'session' | 'proxy'): Visitor => ({
    kind: isViewer(user, trust) || (via === 'proxy' && claims.isForeign) ? 'viewer' : 'operator',
    user,
    via,
    formToken: sessions.formToken(user),
  });
  const bearer = bearerOf(claims);
  const byToken = bearer === undefined ? undefined : userOfToken(bearer, trust.tokens);
  if (byToken !== undefined) return known(byToken, 'token');
  const byCookie = claims.cookie === undefined ? undefined : sessions.userOf(claims.cookie, now);
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

/** What the process knows of its users beside the settings. */
export interface Known {
  readonly sessions: Sessions;
  readonly limit: SignInLimit;
}

/** Returns the address at the other end of the connection. */
export const addressOf = (c: Context<ConsoleTypes>): string => c.env.incoming?.socket.remoteAddress ?? '';

/** Refuses an address, or all that are new, after too many wrong tokens. */
export function refuseGuesses(limit: SignInLimit, address: string, now: number): void {
  const waitMs = limit.waitMs(address, now);
  if (waitMs === 0) return;
  throw new ConsoleRefusal(
    429,
    'CONSOLE_SIGN_IN_LIMIT',
    `too many wrong tokens came from this address, or from all: nothing was looked at; try again in ${Math.ceil(waitMs / 1_000)} s. Users who are signed in are not concerned`,
  );
}

/** Sets the visitor of each request. */
export function identify(
  settings: Settings,
  clock: Clock,
  { sessions, limit }: Known,
): MiddlewareHandler<ConsoleTypes> {
  const trust = settings.console;
  return async (c, next) => {
    const address = addressOf(c);
    const claims: Claims = {
      authorization: c.req.header('authorization'),
      cookie: getCookie(c, SESSION_COOKIE),
      proxyUser: trust.proxy.userHeader === undefined ? undefined : c.req.header(trust.proxy.userHeader),
      address,
      isForeign: isRead(c.req.method) && !isOwn(c.req.header('sec-fetch-site')),
    };
    const now = clock.now();
    const isByToken = bearerOf(claims) !== undefined;
    if (isByToken) refuseGuesses(limit, address, now);
    const visitor = visitorOf(claims, trust, now, sessions);
    if (isByToken && visitor.kind !== 'reader' && visitor.via === 'token') limit.right(address);
    else if (isByToken) limit.wrong(address, now);
    c.set('visitor', visitor);
    await next();
  };
}
