import type { Context } from 'hono';
import { pageUnder } from '../routes/base-path.ts';
import type { ConsoleTypes, PageContent, Visitor } from '../types.ts';
import { html, type Html, nothing } from './html.ts';

/** An entry of the menu. */
interface MenuEntry {
  readonly title: string;
  readonly path: string;
}

/** A script of this server. A bundler would rewrite a template that has the end tag, with a helper of another package. */
const scriptOf = (file: string): Html => html`<script type="module" src="/static/${file}"><${'/script'}>`;

/** Answers with a page in the layout. */
export type RenderPage = (
  c: Context<ConsoleTypes>,
  content: PageContent,
  status?: 200 | 400 | 401 | 403 | 404 | 409 | 421 | 429 | 500 | 503,
) => Promise<Response>;

/** Makes the function that puts content into the frame of the console: menu, search box, user. */
export function layout(screens: readonly MenuEntry[], base: string): RenderPage {
  return async (c, content, status = 200) => {
    const path = c.get('address').pathname;
    const page = await document(screens, content, userPart(c.get('visitor'), path), path);
    return c.html(pageUnder(base, page.toString()), status);
  };
}

function document(
  screens: readonly MenuEntry[],
  { title, body, script }: PageContent,
  user: Html,
  path: string,
): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} – Converge</title>
        <link rel="icon" href="/static/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/static/style.css" />
        ${scriptOf('console.js')} ${script === undefined ? nothing : scriptOf(script)}
      </head>
      <body>
        <a class="skip" href="#content">Skip to the content</a>
        <header class="top">
          <a class="brand" href="/">Converge</a>
          <form action="/search" method="get" role="search">
            <input
              type="search"
              name="q"
              aria-label="Search: event id, key, saga id, trace id or position"
              placeholder="Search: id, key, trace, position"
              aria-keyshortcuts="/"
            />
          </form>
          ${user}
        </header>
        <nav class="menu" aria-label="Screens">
          <ul>
            ${screens.map((screen) => menuEntry(screen, path))}
          </ul>
        </nav>
        <main id="content" tabindex="-1">
          <h1>${title}</h1>
          ${body}
        </main>
        ${keyHelp()}
      </body>
    </html>`;
}

function menuEntry(screen: MenuEntry, path: string): Html {
  const current =
    screen.path === '/' ? path === '/' : path === screen.path || path.startsWith(`${screen.path}/`);
  return html`<li>
    <a href="${screen.path}" ${current ? html`aria-current="page"` : nothing}>${screen.title}</a>
  </li>`;
}

function userPart(visitor: Visitor | undefined, path: string): Html {
  if (visitor === undefined || visitor.kind === 'reader')
    return html`<p class="user">
      <span class="quiet">read-only</span> <a href="/sign-in?to=${encodeURIComponent(path)}">Sign in</a>
    </p>`;
  const name =
    visitor.kind === 'viewer' ? html`${visitor.user} <span class="quiet">(read-only)</span>` : visitor.user;
  if (visitor.via !== 'session' && visitor.via !== 'provider') return html`<p class="user">${name}</p>`;
  return html`<form class="user" method="post" action="/sign-out">
    <span>${name}</span>
    <input type="hidden" name="formToken" value="${visitor.formToken}" />
    <button type="submit" class="plain">Sign out</button>
  </form>`;
}

function keyHelp(): Html {
  return html`<dialog id="keys" aria-labelledby="keys-title">
    <h2 id="keys-title">Keys</h2>
    <dl class="keys">
      <dt><kbd>/</kbd></dt>
      <dd>search</dd>
      <dt><kbd>j</kbd> <kbd>k</kbd></dt>
      <dd>next and previous row</dd>
      <dt><kbd>Enter</kbd></dt>
      <dd>open the row</dd>
      <dt><kbd>g</kbd> then a digit</dt>
      <dd>the screen at that place of the menu</dd>
      <dt><kbd>?</kbd></dt>
      <dd>this list</dd>
    </dl>
    <form method="dialog"><button>Close</button></form>
  </dialog>`;
}
