import type { Context } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import { ConsoleRefusal } from '../errors.ts';
import { html, type Html, nothing } from '../layout/html.ts';
import type { RenderPage } from '../layout/layout.ts';
import { pathOf } from '../routes/base-path.ts';
import { formOf } from '../routes/input.ts';
import type { ConsoleContext } from '../screen.ts';
import { type App, type ConsoleTypes, type PageContent, READER } from '../types.ts';
import { requireUser } from './guard.ts';
import { addressOf, type Known, refuseGuesses } from './identify.ts';
import type { Mount } from './identify.ts';
import { type ProviderSettings, providerSettings } from './oidc/provider-settings.ts';
import { providerRoutes } from './oidc/routes.ts';
import { sessionCookie, SESSION_MS, userOfToken } from './session.ts';

interface SignInParts extends Pick<ConsoleContext, 'settings' | 'clock'> {
  readonly base: string;
  readonly mount: Mount | undefined;
}

/** The pages to sign in with a token, and to sign out. */
export function signInRoutes(
  app: App,
  { settings, clock, base, mount }: SignInParts,
  known: Known,
  page: RenderPage,
): void {
  const { sessions, limit } = known;
  const { tokens } = settings.console;
  const found = providerSettings(settings.console, base);
  const ofProvider = typeof found === 'object' ? found : undefined;
  const signInPage = pageOf({
    hasTokens: Object.keys(tokens).length > 0,
    isOfApplication: mount?.findPerson !== undefined,
    provider: ofProvider,
  });
  const [cookie, path] = [sessionCookie(base), base === '' ? '/' : base];
  const provider =
    ofProvider &&
    providerRoutes(
      app,
      { settings: ofProvider, rights: settings.console.rights, clock, base, signInPage },
      known,
      page,
    );
  app.get('/sign-in', (c) => page(c, signInPage(pathOf(c.req.query('to')))));
  app.post('/sign-in', async (c) => {
    const { token, to } = await formOf(c);
    const [address, now] = [addressOf(c), clock.now()];
    refuseGuesses(limit, address, now);
    const user = userOfToken(textOf(token), tokens);
    if (user === undefined) {
      limit.wrong(address, now);
      throw new ConsoleRefusal(
        401,
        'CONSOLE_TOKEN_WRONG',
        'no user has this token: take it from CONVERGE__CONSOLE__TOKENS__<USER> of the console',
      );
    }
    limit.right(address);
    setCookie(c, cookie, sessions.begin({ user }, now), {
      httpOnly: true,
      sameSite: 'Strict',
      path,
      maxAge: SESSION_MS / 1_000,
      secure: isSecure(c),
    });
    return c.redirect(pathOf(textOf(to)), 303);
  });
  app.post('/sign-out', async (c) => {
    const { formToken } = await formOf(c);
    const { user, via } = requireUser(c, formToken);
    sessions.endAll(user);
    deleteCookie(c, cookie, { path });
    if (via !== 'provider' || provider === undefined) return c.redirect('/', 303);
    c.set('visitor', READER);
    return page(c, { title: 'Signed out', body: signedOut(provider.host, await provider.signOutAddress()) });
  });
}

interface Ways {
  readonly hasTokens: boolean;
  readonly isOfApplication: boolean;
  readonly provider: ProviderSettings | undefined;
}

/** Makes the page with the ways to sign in, and what went wrong with one. Pure. */
const pageOf =
  ({ hasTokens, isOfApplication, provider }: Ways) =>
  (to: string, trouble?: string): PageContent => ({
    title: 'Sign in',
    body: html`${trouble === undefined ? nothing : html`<p class="note needs">${trouble}</p>`}
    ${isOfApplication ? APPLICATION : nothing}
    ${provider === undefined ? nothing : providerLink(to, provider)} ${hasTokens ? form(to) : nothing}
    ${hasTokens || isOfApplication || provider !== undefined ? nothing : READ_ONLY}`,
  });

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** True where the browser came by TLS: to the proxy in front, or to the application. */
function isSecure(c: Context<ConsoleTypes>): boolean {
  return c.req.header('x-forwarded-proto') === 'https' || new URL(c.req.url).protocol === 'https:';
}

const READ_ONLY = html`<p>
  This console is read-only: no user has a token. To act, set
  <code>CONVERGE__CONSOLE__TOKENS__ALICE</code> (or <code>…_FILE</code>) for a user named alice, or a proxy's
  user header, and start it again.
</p>`;

const APPLICATION = html`<p>
  This console takes its users from the application in which it is mounted: sign in there, and open this page
  again.
</p>`;

const providerLink = (to: string, { issuer }: ProviderSettings): Html =>
  html`<p><a href="/sign-in/start?to=${encodeURIComponent(to)}">Sign in with ${issuer.host}</a></p>`;

/** The console cannot end the session at the provider, and a browser takes no form there: the user does it by a link. */
const signedOut = (host: string, address: string | undefined): Html =>
  html`<p>
    You are signed out of the console. ${host} may still know you:
    ${address === undefined ? 'sign out there, too' : html`<a href="${address}" rel="noreferrer">sign out there</a>`},
    on a machine that others use.
  </p>`;

function form(to: string): Html {
  return html`<form method="post" action="/sign-in" class="stacked">
    <input type="hidden" name="to" value="${to}" />
    <label>Token <input type="password" name="token" required autocomplete="current-password" /></label>
    <button type="submit">Sign in</button>
  </form>`;
}
