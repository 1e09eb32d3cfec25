import { deleteCookie, setCookie } from 'hono/cookie';
import { ConsoleRefusal } from '../errors.ts';
import { html } from '../layout/html.ts';
import type { RenderPage } from '../layout/layout.ts';
import { formOf } from '../routes/input.ts';
import type { ConsoleContext } from '../screen.ts';
import type { App } from '../types.ts';
import { requireUser } from './guard.ts';
import { addressOf, type Known, refuseGuesses } from './identify.ts';
import { SESSION_COOKIE, SESSION_MS, userOfToken } from './session.ts';

/** The pages to sign in with a token, and to sign out. */
export function signInRoutes(
  app: App,
  { settings, clock }: Pick<ConsoleContext, 'settings' | 'clock'>,
  { sessions, limit }: Known,
  page: RenderPage,
): void {
  const { tokens } = settings.console;
  app.get('/sign-in', (c) =>
    page(c, { title: 'Sign in', body: form(pathOf(c.req.query('to')), Object.keys(tokens).length > 0) }),
  );
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
    setCookie(c, SESSION_COOKIE, sessions.begin(user, now), {
      httpOnly: true,
      sameSite: 'Strict',
      path: '/',
      maxAge: SESSION_MS / 1_000,
      secure: c.req.header('x-forwarded-proto') === 'https',
    });
    return c.redirect(pathOf(textOf(to)), 303);
  });
  app.post('/sign-out', async (c) => {
    const { formToken } = await formOf(c);
    sessions.endAll(requireUser(c, formToken).user);
    deleteCookie(c, SESSION_COOKIE, { path: '/' });
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

function form(to: string, hasTokens: boolean) {
  if (!hasTokens)
    return html`<p>
      This console is read-only: no user has a token. To act, set
      <code>CONVERGE__CONSOLE__TOKENS__ALICE</code> (or <code>…_FILE</code>) for a user named alice, or a
      proxy's user header, and start it again.
    </p>`;
  return html`<form method="post" action="/sign-in" class="stacked">
    <input type="hidden" name="to" value="${to}" />
    <label>Token <input type="password" name="token" required autocomplete="current-password" /></label>
    <button type="submit">Sign in</button>
  </form>`;
}
