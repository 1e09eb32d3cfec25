import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { declarationsOf } from '@convergekit/operate/declared';
import { explain } from '@convergekit/operate/host';
import { logger } from '@convergekit/telemetry';
import { readFileSync } from 'node:fs';
import { invalidInput, notFound, refusalOf, type RefusalStatus } from './errors.ts';
import { html } from './layout/html.ts';
import { layout, type RenderPage } from './layout/layout.ts';
import { state } from './layout/parts.ts';
import { defineActions, runningRoutes } from './routes/action.ts';
import { addressUnder, routePathOf } from './routes/base-path.ts';
import { jsonAnswer } from './routes/json.ts';
import { defineLooks } from './routes/look.ts';
import { openApiOf, type Operation } from './routes/openapi.ts';
import type { RunningActions } from './routes/running.ts';
import { defineViews } from './routes/view.ts';
import type { ConsoleContext, Screen } from './screen.ts';
import { checkHost, checkOrigin, checkReader, secureHeaders } from './security/guard.ts';
import { identify, type Known } from './security/identify.ts';
import { Sessions, type Signer } from './security/session.ts';
import { SignInLimit } from './security/sign-in-limit.ts';
import { signInRoutes } from './security/sign-in.ts';
import type { Mount } from './security/identify.ts';
import { hostsOf, readersOf } from './security/readers.ts';
import { type App, type ConsoleTypes, READER } from './types.ts';

/** The version of the API, in its document. */
const VERSION = '0.1.0';
/** The largest form or JSON body, in bytes: an edited event fits. */
const MOST_BYTES = 2_000_000;

interface AppParts extends Omit<ConsoleContext, 'declared' | 'payloads' | 'view' | 'action' | 'look'> {
  /** The base path, without the slash at its end. */
  readonly base: string;
  readonly mount: Mount | undefined;
  readonly screens: readonly Screen[];
  readonly running: RunningActions;
  readonly signer: Signer;
}

/** Makes the application: guards first, then files, sign-in, screens and the API. */
export function createApp({ base, mount, screens, running, signer, ...parts }: AppParts): App {
  const { settings, clock } = parts;
  const app: App = new Hono<ConsoleTypes>({ getPath: routePathOf(base) });
  const render = layout(screens, base);
  const operations: Operation[] = [];
  app.use(atBasePath(base));
  app.use(secureHeaders());
  app.use(checkHost(hostsOf(settings.console, mount)));
  app.use(checkOrigin());
  app.use(bodyLimit({ maxSize: MOST_BYTES, onError: tooLarge }));
  const known: Known = { sessions: new Sessions(signer), limit: new SignInLimit(), signer };
  app.use(identify({ settings, clock, base, mount }, known));
  app.use(checkReader(readersOf(settings.console, mount)));
  app.onError((error, c) => failed(error, c, render));
  app.notFound((c) => failed(notFound(`there is no page ${c.req.path}: see the menu`), c, render));
  staticFiles(app);
  signInRoutes(app, { settings, clock, base, mount }, known, render);
  const routes = {
    app,
    render,
    now: () => clock.now(),
    rights: settings.console.rights,
    document: (operation: Operation) => void operations.push(operation),
  };
  const view = defineViews(routes);
  const context: ConsoleContext = {
    ...parts,
    declared: declarationsOf(settings),
    payloads: settings.console.payloads,
    view,
    action: defineActions(routes, view, running),
    look: defineLooks(routes, settings.console.payloads),
  };
  runningRoutes(routes, view, running);
  for (const define of screens.flatMap(({ routes: all }) => all)) define(context, app);
  app.get('/api/openapi.json', (c) => c.json(openApiOf(operations, VERSION, base)));
  return app;
}

/** Has routes and pages name paths as if the console were at `/`: what leaves it has the base path in front. */
function atBasePath(base: string): MiddlewareHandler<ConsoleTypes> {
  return async (c, next) => {
    c.set('address', addressUnder(base, c.req.url));
    await next();
    const location = c.res.headers.get('location');
    if (location?.startsWith('/') === true) c.header('location', base + location);
  };
}

function tooLarge(): never {
  throw invalidInput(`the request is larger than ${MOST_BYTES} bytes: nothing was changed`);
}

// A fault of the console is logged with its place, and its text is not sent: it may quote what was read.
async function failed(error: unknown, c: Context<ConsoleTypes>, render: RenderPage): Promise<Response> {
  const refusal = refusalOf(error);
  const status: RefusalStatus | 500 = refusal?.status ?? 500;
  if (refusal === undefined) logger('console').error({ err: error, path: c.req.path }, 'a page failed');
  const code = refusal?.code ?? 'CONSOLE_FAILED';
  const message = refusal?.message ?? explain(error).message;
  if (c.req.path.startsWith('/api/')) return jsonAnswer(c, { code, message }, status);
  // A request that the guards refuse has no visitor yet.
  if ((c.get('visitor') as unknown) === undefined) c.set('visitor', READER);
  const title = status === 404 ? 'Not found' : status === 500 ? 'This page failed' : 'Refused';
  return render(
    c,
    { title, body: html`<p class="note needs">${state('needs', code)} ${message}</p>` },
    status,
  );
}

const TYPES = { css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml' } as const;
/** Every file that is served; a path never reaches the file system. A script of a screen is one more line here. */
const FILES = ['style.css', 'console.js', 'home.js', 'tail.js', 'icon.svg'] as const;

/** Serves the stylesheet and the scripts, read once at the start. */
function staticFiles(app: App): void {
  for (const name of FILES) {
    const content = readFileSync(new URL(`../static/${name}`, import.meta.url), 'utf8');
    const type = TYPES[name.slice(name.lastIndexOf('.') + 1) as keyof typeof TYPES];
    app.get(`/static/${name}`, (c) => c.body(content, 200, { 'content-type': `${type}; charset=utf-8` }));
  }
}
