import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { Clock } from '@convergekit/core';
import type { Right } from '@convergekit/operate/host';
import { ConsoleRefusal } from '../../errors.ts';
import { html, type Html } from '../../layout/html.ts';
import type { RenderPage } from '../../layout/layout.ts';
import { pathOf } from '../../routes/base-path.ts';
import type { App } from '../../types.ts';
import type { Known } from '../identify.ts';
import { seal, sessionCookie, unseal } from '../session.ts';
import { personOf } from './person.ts';
import { type Flow, Provider } from './provider.ts';
import { CALLBACK, type ProviderSettings } from './provider-settings.ts';

/** The time that a person has at the provider, in milliseconds. */
const FLOW_MS = 600_000;
/** The longest cookie that every browser keeps, in characters; a longer one is left out without a word. */
const COOKIE_MOST = 3_800;

interface SealedFlow extends Flow {
  readonly to: string;
  readonly end: number;
}

interface ProviderParts {
  readonly settings: ProviderSettings;
  readonly rights: Readonly<Record<string, Right>>;
  readonly clock: Clock;
  readonly base: string;
  /** The page to sign in, with what went wrong. */
  readonly signInPage: (to: string, trouble: string) => { readonly title: string; readonly body: Html };
}

/** Defines the way to the provider and back. Returns the provider. */
export function providerRoutes(
  app: App,
  { settings, rights, clock, base, signInPage }: ProviderParts,
  { sessions, signer }: Known,
  page: RenderPage,
): Provider {
  const provider = new Provider(settings);
  const named = new Set(Object.values(rights).flatMap(({ groups }) => groups));
  const session = sessionCookie(base);
  const [flowCookie, flowPath] = [`${session}.sign-in`, `${base}/sign-in`];
  const options = { httpOnly: true, secure: settings.redirectUri.protocol === 'https:' };

  app.get('/sign-in/start', async (c) => {
    const to = pathOf(c.req.query('to'));
    try {
      const { address, flow } = await provider.begin();
      const sealed: SealedFlow = { ...flow, to, end: clock.now() + FLOW_MS };
      // The provider sends the browser back by a link of another site, with which no strict cookie comes.
      setCookie(c, flowCookie, seal(signer, 'sign-in', sealed), {
        ...options,
        sameSite: 'Lax',
        path: flowPath,
        maxAge: FLOW_MS / 1_000,
      });
      return c.redirect(address, 303);
    } catch (error) {
      if (!(error instanceof ConsoleRefusal)) throw error;
      return page(c, signInPage(to, error.message), error.status);
    }
  });

  app.get(CALLBACK, async (c) => {
    const flow = unseal(signer, 'sign-in', getCookie(c, flowCookie) ?? '') as SealedFlow | undefined;
    deleteCookie(c, flowCookie, { path: flowPath });
    if (flow === undefined || flow.end <= clock.now())
      throw refused('this sign-in was not begun in this browser in the last ten minutes: begin at /sign-in');
    const person = personOf(await provider.finish(c.get('address').search, flow), settings, named);
    if (typeof person === 'string') throw refused(person);
    const { sessionMs } = settings;
    const cookie = sessions.begin(person, clock.now(), sessionMs);
    if (cookie.length > COOKIE_MOST)
      throw refused(
        `${person.user} is in ${person.groups.length} groups that rights name, more than a cookie holds: give rights to fewer groups`,
      );
    setCookie(c, session, cookie, {
      ...options,
      sameSite: 'Strict',
      path: base === '' ? '/' : base,
      maxAge: sessionMs / 1_000,
    });
    // A redirect would belong to the link of the provider, and go without the strict cookie. A page of the console asks anew.
    const { pathname, search } = new URL(flow.to, c.get('address'));
    c.header('refresh', `0;url=${base}${pathname}${search}`);
    const body = html`<p><a href="${flow.to}">Continue as ${person.user}</a></p>`;
    return page(c, { title: 'Signed in', body });
  });
  return provider;
}

const refused = (message: string): ConsoleRefusal =>
  new ConsoleRefusal(401, 'CONSOLE_SIGN_IN_REFUSED', message);
