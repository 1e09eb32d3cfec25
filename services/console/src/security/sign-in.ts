import type { Context } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import { ConsoleRefusal } from '../errors.ts';
import { html, type Html, nothing } from '../layout/html.ts';
import type { RenderPage } from '../layout/layout.ts';
import { formOf } from '../routes/input.ts';
import type { ConsoleContext } from '../screen.ts';
import type { App, ConsoleTypes } from '../types.ts';
import { requireUser } from './guard.ts';
import { addressOf, type Known, refuseGuesses } from './identify.ts';
import type { Mount } from './identify.ts';
import { sessionCookie, SESSION_MS, userOfToken } from './session.ts';

interface SignInParts extends Pick<ConsoleContext, 'settings' | 'clock'> {
  readonly base: string;
  readonly mount: Mount | undefined;
}

/** The pages to sign in with a token, and to sign out. */
export function signInRoutes(
  app: App,
  { settings, clock, base, mount }: SignInParts,
  { sessions, limit }: Known,
  page: RenderPage,
): void {
  const { tokens } = settings.console;
  const hasTokens = Object.keys(tokens).length > 0;
  const isOfApplication = mount?.findPerson !== undefined;
  const body = (to: string): Html =>
    html`${isOfApplication ? APPLICATION : nothing}${hasTokens ? form(to) : isOfApplication ? nothing : READ_ONLY}`;
  const [cookie, path] = [sessionCookie(base), base === '' ? '/' : base];
  app.get('/sign-in', (c) => page(c, { title: 'Sign in', body: body(pathOf(c.req.query('to'))) }));
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
    setCookie(c, cookie, sessions.begin(user, now), {
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
    sessions.endAll(requireUser(c, formToken).user);
    deleteCookie(c, cookie, { path });
    return c.redirect('/', 303);
  });
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/**
 * Returns a path of the console; addresses of other sites become the home page. Pure.
 * Browsers leave tabs and line feeds out of an address: what looks like a path may be `//host` to them.
 */
export function pathOf(to: string | undefined): string {
  return to !== undefined && /^\/(?![/\\])[^\p{Cc}]*$/u.test(to) ? to : '/';
}

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

function form(to: string): Html {
  return html`<form method="post" action="/sign-in" class="stacked">
    <input type="hidden" name="to" value="${to}" />
    <label>Token <input type="password" name="token" required autocomplete="current-password" /></label>
    <button type="submit">Sign in</button>
  </form>`;
}
