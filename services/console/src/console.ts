import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { getPath } from 'hono/utils/url';
import type { Broker } from '@convergekit/broker';
import { openBroker, type Settings } from '@convergekit/operate/host';
import { httpServer, type HttpServer } from '@convergekit/config';
import { type Clock, ConvergeError, newUuidV7, systemClock } from '@convergekit/core';
import { chosenBroker } from '@convergekit/local/choose';
import { createApp } from './app.ts';
import { openDatabases } from './databases.ts';
import { basePathOf, pathUnder } from './routes/base-path.ts';
import { RunningActions } from './routes/running.ts';
import { screens } from './screens/index.ts';
import type { Mount } from './security/identify.ts';
import { checkAccess } from './security/readers.ts';
import { signer } from './security/session.ts';

/** The time a stop gives open requests and running actions, in milliseconds. */
const GRACE_MS = 2_000;

/** A console that answers requests, under its base path. */
export interface ConsoleHandler {
  (request: Request): Promise<Response>;
  /** Answers a request of `node:http`: for Express, Fastify and Nest, before any parser of bodies. */
  readonly listener: (request: IncomingMessage, response: ServerResponse) => void;
  /** Ends live pages and running acts, and closes what the console opened. */
  readonly close: () => Promise<void>;
}

interface OpenConsole {
  readonly handler: ConsoleHandler;
  /** Ends live pages, so that no connection outlasts a stop of the server; the handler still answers. */
  readonly endLive: () => void;
}

/** Opens a console: its databases, and the broker, if one is set, are connected to at first use. */
export function openConsole(
  settings: Settings,
  mount: Mount | undefined,
  clock: Clock = systemClock,
): OpenConsole {
  if (Object.keys(settings.databases).length === 0)
    throw new ConvergeError(
      'the console has no database: give CONVERGE__DATABASES__<NAME>=postgres://… for each database that it shows',
      { code: 'CONFIG_MISSING', category: 'configuration', certainty: 'not_applied' },
    );
  const base = basePathOf(settings.console.basePath);
  checkAccess(settings.console, Object.keys(settings.databases), mount, base);
  const databases = openDatabases(settings);
  const broker = brokerOf(settings);
  const running = new RunningActions(newUuidV7);
  const stop = new AbortController();
  const app = createApp({
    base,
    mount,
    databases,
    broker,
    clock,
    settings,
    screens,
    running,
    stopping: stop.signal,
    signer: signer(randomBytes(32)),
  });
  const answer = async (request: Request, node: Partial<HttpBindings> = {}): Promise<Response> =>
    misplaced(base, request, node.incoming) ?? app.fetch(request, node);
  // The globals of the application in which the console is mounted stay as they are.
  const listener = getRequestListener((request, node) => answer(request, node as HttpBindings), {
    hostname: 'localhost',
    overrideGlobalObjects: false,
  });
  let closing: Promise<void> | undefined;
  const handler = Object.assign((request: Request) => answer(request), {
    listener: (request: IncomingMessage & { originalUrl?: string }, response: ServerResponse) => {
      // Express takes the path off under which it found the listener.
      if (request.originalUrl !== undefined) request.url = request.originalUrl;
      void listener(request, response);
    },
    close: () => {
      stop.abort();
      return (closing ??= running
        .stopAll()
        .then(() => databases.close())
        .then(() => broker?.close()));
    },
  });
  return { handler, endLive: () => stop.abort() };
}

/** Answers a request that the application did not pass on as it came; undefined = it did. */
function misplaced(
  base: string,
  request: Request,
  incoming: IncomingMessage | undefined,
): Response | undefined {
  const path = getPath(request);
  if (pathUnder(base, path) === undefined)
    return refusalOf(
      404,
      'CONSOLE_BASE_PATH',
      `the console is mounted under ${base} and was asked for ${path}: give it each request with its whole path, or name the path in basePath`,
    );
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (!isRead && (incoming?.readableDidRead ?? request.bodyUsed))
    return refusalOf(
      500,
      'CONSOLE_BODY_READ',
      'the application had read the body before the console: mount the console in front of what parses bodies, such as express.json()',
    );
  return undefined;
}

const refusalOf = (status: number, code: string, message: string): Response =>
  Response.json({ code, message }, { status });

/** Makes the console as a service of its own, which listens where the settings say. */
export function consoleService(settings: Settings, clock: Clock = systemClock): HttpServer {
  const { handler, endLive } = openConsole(settings, undefined, clock);
  const { port, host } = settings.console;
  const server = httpServer({
    name: 'console',
    port,
    host,
    clock,
    graceMs: GRACE_MS,
    listener: handler.listener,
  });
  let stopping: Promise<void> | undefined;
  return {
    name: server.name,
    get port() {
      return server.port;
    },
    done: server.done,
    start: () => server.start(),
    stop: () => {
      endLive();
      return (stopping ??= server.stop().then(() => handler.close()));
    },
  };
}

function brokerOf(settings: Settings): Broker | undefined {
  const chosen = chosenBroker(settings);
  // The local log needs an address of its own here: the console has no database of its own.
  const isOpen = chosen === 'kafka' || (chosen === 'local' && settings.local.url !== undefined);
  return isOpen ? openBroker(settings, 'converge-console') : undefined;
}
