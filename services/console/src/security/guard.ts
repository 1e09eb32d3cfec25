import type { Context, MiddlewareHandler } from 'hono';
import {
  type Concerned,
  concernedText,
  holdersText,
  isPermitted,
  type Right,
  type Role,
} from '@convergekit/operate/host';
import { ConsoleRefusal } from '../errors.ts';
import type { ConsoleTypes, User, Visitor } from '../types.ts';
import { sameText } from './session.ts';

/** The headers of every answer. Nothing inline, nothing from elsewhere, no frame around it. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
  'cache-control': 'no-store',
} as const;

export function secureHeaders(): MiddlewareHandler<ConsoleTypes> {
  return async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(HEADERS)) c.header(name, value);
  };
}

const LOCAL = ['localhost', '127.0.0.1', '[::1]'];

/** True when browsers may reach the console under this host. Another name that resolves to it is an attack. Pure. */
export function isAllowedHost(host: string | undefined, allowed: readonly string[]): boolean {
  const name = (host ?? '').toLowerCase().replace(/:\d+$/, '');
  return name !== '' && [...LOCAL, ...allowed.map((one) => one.toLowerCase())].includes(name);
}

/** The host of a request; one that an application made itself may have no header. */
const hostOf = (c: Context<ConsoleTypes>): string => c.req.header('host') ?? new URL(c.req.url).host;

export function checkHost(allowed: readonly string[] | 'any'): MiddlewareHandler<ConsoleTypes> {
  return async (c, next) => {
    const host = hostOf(c);
    if (allowed !== 'any' && !isAllowedHost(host, allowed))
      throw new ConsoleRefusal(
        421,
        'CONSOLE_HOST_REFUSED',
        `the console is not served under the host ${host === '' ? '(none)' : host}: add it to CONVERGE__CONSOLE__ALLOWED_HOSTS, or open it as localhost`,
      );
    await next();
  };
}

/** True for a request that a page of the console itself made, or that no browser made. Pure. */
export function isSameOrigin(
  host: string | undefined,
  origin: string | undefined,
  site: string | undefined,
): boolean {
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  // The browser says so itself. Under `no-referrer` it sends `Origin: null` with the forms of the console's own pages.
  if (site === 'same-origin') return true;
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}

/** Refuses what is neither a read nor from a page of the console, before anything of the request is used. */
export function checkOrigin(): MiddlewareHandler<ConsoleTypes> {
  return async (c, next) => {
    const reads = c.req.method === 'GET' || c.req.method === 'HEAD';
    const { origin, 'sec-fetch-site': site } = c.req.header();
    if (!reads && !isSameOrigin(hostOf(c), origin, site))
      throw new ConsoleRefusal(
        403,
        'CONSOLE_ORIGIN_REFUSED',
        `a page of ${origin ?? 'another site'} sent this request: nothing was changed; act from the console's own pages`,
      );
    await next();
  };
}

/** Refuses reads of visitors without a name, but the way to sign in, where only users may read. */
export function checkReader(reads: 'anyone' | 'signed-in'): MiddlewareHandler<ConsoleTypes> {
  return async (c, next) => {
    const { path } = c.req;
    const isOpen = path === '/sign-in' || path.startsWith('/sign-in/') || path.startsWith('/static/');
    const visitor = c.get('visitor');
    if (reads === 'anyone' || isOpen || visitor.kind !== 'reader') return next();
    if (visitor.named !== undefined) throw noRight(visitor.named);
    if (!path.startsWith('/api/') && c.req.method === 'GET')
      return c.redirect(`/sign-in?to=${encodeURIComponent(path + c.get('address').search)}`, 303);
    throw signInNeeded('only users may read here');
  };
}

function noRight(user: string): ConsoleRefusal {
  return new ConsoleRefusal(
    403,
    'CONSOLE_NO_RIGHT',
    `${user} is signed in, and has no right here: an entry of CONVERGE__CONSOLE__RIGHTS has to name the user or one of the user's groups`,
  );
}

function signInNeeded(why: string): ConsoleRefusal {
  return new ConsoleRefusal(
    401,
    'CONSOLE_SIGN_IN_NEEDED',
    `${why}: sign in at /sign-in, or send \`authorization: Bearer <token>\``,
  );
}

/**
 * Returns the operator of a request that changes something, or refuses it.
 * A browser adds cookies and a proxy's header by itself, so such a request must carry the token of a form; a bearer
 * token is never added by a browser.
 */
export function requireOperator(
  c: Context<ConsoleTypes>,
  formToken: unknown,
): Extract<Visitor, { kind: 'operator' }> {
  const visitor = requireUser(c, formToken);
  if (visitor.kind === 'operator') return visitor;
  throw new ConsoleRefusal(
    403,
    'CONSOLE_VIEWER',
    `${visitor.user} may read here and not act: that is the role of a viewer (CONVERGE__CONSOLE__RIGHTS)`,
  );
}

/** Returns why a user may not do what needs a role, and who may; undefined = it is permitted. Pure. */
export function whyNot(
  { user, grants }: User,
  rights: Readonly<Record<string, Right>>,
  needs: Role,
  concerned: Concerned,
): string | undefined {
  if (isPermitted(grants, needs, concerned)) return undefined;
  const holders = holdersText(rights, needs, concerned);
  return `${user} may not do this: it needs the role ${needs} for ${concernedText(concerned)}. ${
    holders === '' ? 'No right of the settings has it (CONVERGE__CONSOLE__RIGHTS)' : `These may: ${holders}`
  }`;
}

/** Refuses a user who may not do what needs a role. */
export function requireRight(...asked: Parameters<typeof whyNot>): void {
  const why = whyNot(...asked);
  if (why !== undefined) throw new ConsoleRefusal(403, 'CONSOLE_NO_RIGHT', why);
}

/** Returns the user of a request that a form of the console, or a bearer token, sent. */
export function requireUser(
  c: Context<ConsoleTypes>,
  formToken: unknown,
): Exclude<Visitor, { kind: 'reader' }> {
  const visitor = c.get('visitor');
  if (visitor.kind === 'reader' && visitor.named !== undefined) throw noRight(visitor.named);
  if (visitor.kind === 'reader') throw signInNeeded('the console is read-only without a user');
  if (visitor.via !== 'token' && !sameText(typeof formToken === 'string' ? formToken : '', visitor.formToken))
    throw new ConsoleRefusal(
      403,
      'CONSOLE_FORM_REFUSED',
      'the form is not one of this console process, or of another user: nothing was changed; open the page again',
    );
  return visitor;
}
