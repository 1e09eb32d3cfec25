import type { IncomingMessage } from 'node:http';
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie } from 'hono/cookie';
import type { Clock } from '@convergekit/core';
import type { Settings } from '@convergekit/operate/host';
import { type ConsoleTypes, READER, type Via, type Visitor } from '../types.ts';
import { ConsoleRefusal } from '../errors.ts';
import { sessionCookie, type Sessions, userOfToken } from './session.ts';
import type { Mount } from './readers.ts';
import type { SignInLimit } from './sign-in-limit.ts';

/** A person of the application in which the console is mounted. */
export interface ConsolePerson {
  /** The name in the audit. */
  readonly name: string;
  /** What the person may do. @default that of the settings: a viewer where CONVERGE__CONSOLE__VIEWERS has the name, else an operator */
  readonly role?: 'viewer' | 'operator';
}

export type FindPerson = (
  request: Request,
  node: IncomingMessage | undefined,
) => ConsolePerson | undefined | Promise<ConsolePerson | undefined>;

export interface Claims {
  /** The person that the application named. */
  readonly person?: ConsolePerson | undefined;
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
 * every request of a browser, as a browser adds the application's cookie, so another site's page could have this user look at what
 * leaves a row in the audit: what the browser does not call its own is read as a viewer. Pure.
 */
export function visitorOf(claims: Claims, trust: Trust, now: number, sessions: Sessions): Visitor {
  const isAmbient = (via: Via): boolean => via === 'proxy' || via === 'application';
  const known = (user: string, via: Via, role?: 'viewer' | 'operator'): Visitor => ({
    kind:
      (role ?? (isViewer(user, trust) ? 'viewer' : 'operator')) === 'viewer' ||
      (isAmbient(via) && claims.isForeign)
        ? 'viewer'
        : 'operator',
    user,
    via,
    formToken: sessions.formToken(user),
  });
  const bearer = bearerOf(claims);
  const byToken = bearer === undefined ? undefined : userOfToken(bearer, trust.tokens);
  if (byToken !== undefined) return known(byToken, 'token');
  const { person } = claims;
  if (person !== undefined) return known(person.name.trim(), 'application', person.role);
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

interface IdentifyParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly base: string;
  readonly mount: Mount | undefined;
}

/** Asks the application for its person. A person without a name is none who could be in the audit. */
async function personOf(
  c: Context<ConsoleTypes>,
  mount: Mount | undefined,
): Promise<ConsolePerson | undefined> {
  const person = await mount?.findPerson?.(c.req.raw, c.env.incoming);
  return person === undefined || person.name.trim() === '' ? undefined : person;
}

/** Sets the visitor of each request. */
export function identify(
  { settings, clock, base, mount }: IdentifyParts,
  { sessions, limit }: Known,
): MiddlewareHandler<ConsoleTypes> {
  const trust = settings.console;
  const cookie = sessionCookie(base);
  return async (c, next) => {
    const address = addressOf(c);
    const claims: Claims = {
      person: await personOf(c, mount),
      authorization: c.req.header('authorization'),
      cookie: getCookie(c, cookie),
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
