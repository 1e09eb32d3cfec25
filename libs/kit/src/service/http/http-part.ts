import type { IncomingMessage, ServerResponse } from 'node:http';
import { httpServer } from '@convergekit/config';
import { type Clock, systemClock } from '@convergekit/core';
import type { Logger } from '@convergekit/telemetry';
import type { Part } from '../definition.ts';
import type { ServiceSettings } from '../settings.ts';
import { failureAnswer, notFound, type OwnAnswer, refusalOf, responseOf, send, tooLarge } from './answers.ts';
import { type HttpApp, openApp, type OpenApp } from './app.ts';

interface HttpPartOptions {
  /** Makes the application, at the start. */
  readonly make: () => HttpApp | Promise<HttpApp>;
  readonly settings: ServiceSettings['http'];
  /** The time that a stop gives to requests in flight, in milliseconds. */
  readonly graceMs: number;
  readonly log: Pick<Logger, 'info' | 'error'>;
  /** @default the system's */
  readonly clock?: Clock;
}

/** Runs the HTTP API of a service: its application behind limits, and a stop that loses no request in flight. */
export function httpPart({
  make,
  settings: { port, host, maxBodyBytes },
  graceMs,
  log,
  clock = systemClock,
}: HttpPartOptions): Part & { readonly port: number } {
  const failed = (error: unknown): OwnAnswer => {
    const { isLogged, ...answer } = failureAnswer(error);
    if (isLogged) log.error({ err: error }, 'a request failed');
    return answer;
  };
  const serve = async ({ answer }: OpenApp, request: IncomingMessage, response: ServerResponse) => {
    // Without a listener, a second answer to one request would end the process.
    response.on('error', (error) => log.error({ err: error }, 'an answer failed'));
    try {
      const refused = refusalOf(request.headers, { maxBodyBytes, now: clock.now() });
      if (refused !== undefined) return await send(response, refused);
      limitBody(request, response, maxBodyBytes);
      await answer(request, response, (error) => {
        void send(response, error === undefined ? notFound : failed(error));
      });
    } catch (error) {
      await send(response, failed(error));
    }
  };
  let app: OpenApp | undefined;
  const server = httpServer({
    name: 'http',
    port,
    host,
    graceMs,
    clock,
    listener: (request, response) => void (app && serve(app, request, response)),
  });
  let starting = Promise.resolve();
  return {
    name: 'http',
    done: server.done,
    get port() {
      return server.port;
    },
    start: () => {
      starting = (async () => {
        app = await openApp(await make(), (error) => responseOf(failed(error)));
        await server.start();
        log.info(`HTTP requests are answered at http://${host}:${server.port}`);
      })();
      return starting;
    },
    stop: async () => {
      // A stop during the start waits for it: it would leave a listening server behind.
      await starting.catch(() => undefined);
      await server.stop();
      await app?.close();
    },
  };
}

/** Ends a request whose body grows above the limit; one that says its length is refused before. */
function limitBody(request: IncomingMessage, response: ServerResponse, maxBytes: number): void {
  const push = request.push.bind(request);
  let bytes = 0;
  request.push = (chunk: Buffer | null, ...rest) => {
    const before = bytes;
    bytes += chunk?.length ?? 0;
    if (bytes <= maxBytes) return push(chunk, ...rest);
    if (before <= maxBytes)
      void send(response, tooLarge(maxBytes)).then(() =>
        request.destroy(new Error(`the body of the request has more than ${maxBytes} bytes`)),
      );
    return false;
  };
}
