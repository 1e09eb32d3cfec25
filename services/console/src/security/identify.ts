import type { IncomingMessage } from 'node:http';
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie } from 'hono/cookie';
import type { Clock } from '@convergekit/core';
import { type Grant, grantsOf, type Settings } from '@convergekit/operate/host';
import { type ConsoleTypes, READER, type Via, type Visitor } from '../types.ts';
import { ConsoleRefusal } from '../errors.ts';
import { sessionCookie, type Sessions, type Signer, userOfToken } from './session.ts';
import type { SignInLimit } from './sign-in-limit.ts';

/** A person of the application in which the console is mounted. */
export interface ConsolePerson {
  /** The name in the audit. */
  readonly name: string;
  /** The role, everywhere. @default by the rights of the settings, for the name and the groups; a viewer where there are none */
  readonly role?: 'viewer' | 'operator' | 'administrator';
  /** The groups to which the rights of the settings belong. @default none */
  readonly groups?: readonly string[];
}

export type FindPerson = (
  request: Request,
  node: IncomingMessage | undefined,
) => ConsolePerson | undefined | Promise<ConsolePerson | undefined>;

/** The application in which a console is mounted. */
export interface Mount {
  /** undefined = the application has no login of its own for the console. */
  readonly findPerson: FindPerson | undefined;
}

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

type Trust = Pick<Settings['console'], 'tokens' | 'proxy' | 'rights'>;

const bearerOf = ({ authorization }: Claims): string | undefined =>
  /^Bearer (.+)$/i.exec(authorization ?? '')?.[1];

/** What a user may do where the settings have no rights. */
const ALL: readonly Grant[] = [{ role: 'administrator', areas: ['*'] }];
const READING: readonly Grant[] = [{ role: 'viewer', areas: ['*'] }];

/**
 * Decides who a request comes from. A proxy's header counts only from its addresses, and only where it is set. A proxy adds it to
 * every request of a browser, as a browser adds the application's cookie, so another site's page could have this user look at what
 * leaves a row in the audit: what the browser does not call its own is read as a viewer. Pure.
 */
export function visitorOf(claims: Claims, trust: Trust, now: number, sessions: Sessions): Visitor {
  const hasRights = Object.keys(trust.rights).length > 0;
  const granted = (user: string, groups: readonly string[], others: readonly Grant[]): readonly Grant[] =>
    hasRights ? grantsOf({ name: user, groups }, trust.rights) : others;
  const known = (user: string, via: Via, grants: readonly Grant[]): Visitor => {
    if (grants.length === 0) return { kind: 'reader', named: user };
    const isAmbient = via === 'proxy' || via === 'application';
    const acts = !(isAmbient && claims.isForeign) && grants.some(({ role }) => role !== 'viewer');
    const formToken = sessions.formToken(user);
    return { kind: acts ? 'operator' : 'viewer', user, via, grants: acts ? grants : READING, formToken };
  };
  const bearer = bearerOf(claims);
  const byToken = bearer === undefined ? undefined : userOfToken(bearer, trust.tokens);
  if (byToken !== undefined) return known(byToken, 'token', granted(byToken, [], ALL));
  const { person } = claims;
  if (person !== undefined) return known(person.name.trim(), 'application', grantsOfPerson(person, granted));
  const session = claims.cookie === undefined ? undefined : sessions.userOf(claims.cookie, now);
  // People of a provider have what the rights give; a user whose token was taken away since is not signed in any more.
  if (session?.groups !== undefined)
    return known(session.user, 'provider', granted(session.user, session.groups, []));
  if (session !== undefined && Object.hasOwn(trust.tokens, session.user))
    return known(session.user, 'session', granted(session.user, [], ALL));
  const { proxyUser = '', address } = claims;
  const isProxy = address !== undefined && trust.proxy.addresses.includes(address.replace(/^::ffff:/, ''));
  if (trust.proxy.userHeader !== undefined && isProxy && proxyUser.trim() !== '')
    return known(proxyUser.trim(), 'proxy', granted(proxyUser.trim(), [], ALL));
  return READER;
}

/** A role that the application gives holds everywhere; else the rights of the settings, for the name and the groups. */
function grantsOfPerson(
  { name, role, groups = [] }: ConsolePerson,
  granted: (user: string, groups: readonly string[], others: readonly Grant[]) => readonly Grant[],
): readonly Grant[] {
  return role === undefined ? granted(name.trim(), groups, READING) : [{ role, areas: ['*'] }];
}

const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD';
const isOwn = (site: string | undefined): boolean => site === 'same-origin' || site === 'none';

/** What the process knows of its users beside the settings. */
export interface Known {
  readonly sessions: Sessions;
  readonly limit: SignInLimit;
  readonly signer: Signer;
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
