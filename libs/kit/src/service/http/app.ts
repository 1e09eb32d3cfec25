import type { IncomingMessage, ServerResponse } from 'node:http';
import { ConvergeError } from '@convergekit/core';

/** A listener of Node: an application of Express, which leaves to `next` what it does not answer, or a function. */
export type NodeListener = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => unknown;

/** An application that takes the standard's `Request`, as those of Hono do. */
interface FetchApp {
  fetch(request: Request): Response | Promise<Response>;
}

/** An application that is made ready before its first request, as those of Fastify are. */
interface RoutingApp {
  ready(): PromiseLike<unknown>;
  routing(request: IncomingMessage, response: ServerResponse): void;
  close(): PromiseLike<unknown>;
}

/** What answers the HTTP requests of a service. */
export type HttpApp = FetchApp | RoutingApp | NodeListener;

/** An application that is ready for requests. */
export interface OpenApp {
  readonly answer: NodeListener;
  close(): PromiseLike<unknown>;
}

/** Makes an application ready. `failed` answers a request whose fetch handler rejects. Throws SERVICE_INVALID. */
export async function openApp(app: HttpApp, failed: (error: unknown) => Response): Promise<OpenApp> {
  const close = (): Promise<void> => Promise.resolve();
  // What the compiler did not see may be anything, such as nothing at all.
  if (Object(app) !== app) throw neither();
  // An application of Express is a function, too, and one of Hono an object: what has `fetch` is no listener.
  if ('fetch' in app) return { answer: await listenerOf(app, failed), close };
  if ('routing' in app) {
    await app.ready();
    return { answer: (request, response) => app.routing(request, response), close: () => app.close() };
  }
  if (typeof app === 'function') return { answer: app, close };
  throw neither();
}

function neither(): ConvergeError {
  return invalid(
    '`http` of the service returned neither a fetch handler nor a listener: return an app of Hono, Express or Fastify, or a function (request, response)',
  );
}

async function listenerOf(app: FetchApp, failed: (error: unknown) => Response): Promise<NodeListener> {
  const { getRequestListener, RequestError } = await import('@hono/node-server').catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error;
    throw invalid(
      '`http` of the service returned a fetch handler, which needs a package that is not installed: run `npm install @hono/node-server`',
    );
  });
  const answerTo = (error: unknown): Response => {
    // What is no request of HTTP, such as one with an invalid host, is its client's to change.
    const refused = error instanceof RequestError && Object.assign(error, { status: 400, expose: true });
    return ownResponseOf(error) ?? failed(refused || error);
  };
  return getRequestListener(
    async (request, { outgoing }) => {
      try {
        const response = await app.fetch(request);
        return outgoing.headersSent ? alreadySent() : response;
      } catch (error) {
        return outgoing.headersSent ? alreadySent() : answerTo(error);
      }
    },
    // The classes of the process stay as they are: its other code may depend on them.
    { overrideGlobalObjects: false, errorHandler: answerTo },
  );
}

/** What the adapter sends nothing for: the service itself has answered, as it does to a body above its limit. */
const alreadySent = (): Response => new Response(null, { headers: { 'x-hono-already-sent': 'true' } });

/** An error of Hono that is an answer, such as one of its middleware. */
function ownResponseOf(error: unknown): Response | undefined {
  const { getResponse } = Object(error) as { getResponse?: () => Response };
  return typeof getResponse === 'function' ? getResponse.call(error) : undefined;
}

function invalid(what: string): ConvergeError {
  return new ConvergeError(what, {
    code: 'SERVICE_INVALID',
    category: 'configuration',
    certainty: 'not_applied',
  });
}
