import { randomBytes } from 'node:crypto';
import { getRequestListener } from '@hono/node-server';
import type { Broker } from '@convergekit/broker';
import { openBroker, type Settings } from '@convergekit/operate/host';
import { httpServer, type HttpServer } from '@convergekit/config';
import { type Clock, ConvergeError, newUuidV7, systemClock } from '@convergekit/core';
import { chosenBroker } from '@convergekit/local/choose';
import { createApp } from './app.ts';
import { openDatabases } from './databases.ts';
import { RunningActions } from './routes/running.ts';
import { screens } from './screens/index.ts';
import { checkAccess } from './security/readers.ts';
import { signer } from './security/session.ts';

/** The time a stop gives open requests and running actions, in milliseconds. */
const GRACE_MS = 2_000;

/** Makes the console as a service. It opens its databases and the broker, if one is set, at first use. */
export function consoleService(settings: Settings, clock: Clock = systemClock): HttpServer {
  if (Object.keys(settings.databases).length === 0)
    throw new ConvergeError(
      'the console has no database: give CONVERGE__DATABASES__<NAME>=postgres://… for each database that it shows',
      { code: 'CONFIG_MISSING', category: 'configuration', certainty: 'not_applied' },
    );
  checkAccess(settings.console);
  const databases = openDatabases(settings);
  const broker = brokerOf(settings);
  const running = new RunningActions(newUuidV7);
  const stop = new AbortController();
  const app = createApp({
    databases,
    broker,
    clock,
    settings,
    screens,
    running,
    stopping: stop.signal,
    signer: signer(randomBytes(32)),
  });
  const { port, host } = settings.console;
  const answer = getRequestListener(app.fetch, { hostname: host });
  const server = httpServer({
    name: 'console',
    port,
    host,
    clock,
    graceMs: GRACE_MS,
    listener: (request, response) => void answer(request, response),
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
      stop.abort();
      return (stopping ??= server
        .stop()
        .then(() => running.stopAll())
        .then(() => databases.close())
        .then(() => broker?.close()));
    },
  };
}

function brokerOf(settings: Settings): Broker | undefined {
  const chosen = chosenBroker(settings);
  // The local log needs an address of its own here: the console has no database of its own.
  const isOpen = chosen === 'kafka' || (chosen === 'local' && settings.local.url !== undefined);
  return isOpen ? openBroker(settings, 'converge-console') : undefined;
}
