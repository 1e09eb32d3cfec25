import { getRequestListener } from '@hono/node-server';
import {
  type HttpAnswer,
  httpAnswer,
  httpServer,
  type HttpServer,
  readDeadline,
  requestSpan,
} from 'convergekit/http';
import { classify, type Clock, systemClock } from 'convergekit';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { routePath } from 'hono/route';
import { z } from 'zod';

/** The settings of an HTTP API, for `settings` of a service. */
export const httpSettings = z
  .object({
    port: z.int().min(0).max(65_535).default(0).meta({
      description: 'The port of the HTTP routes; 0 takes any free port.',
      unit: 'none',
    }),
    host: z
      .string()
      .min(1)
      .default('127.0.0.1')
      .describe('The address that the HTTP routes listen on; 0.0.0.0 inside a container.'),
  })
  .prefault({});

type Status = 400 | 404 | 413 | HttpAnswer['status'];

// Visible ASCII, as in draft-ietf-httpapi-idempotency-key-header; with or without the quotes of that draft.
const requestKey = /^[\x21-\x7e]{1,200}$/;

/** Error codes and messages for clients, by outcome. The error itself goes to the log. */
const ANSWERS: Readonly<Record<HttpAnswer['outcome'], readonly [code: string, message: string]>> = {
  accepted: ['ACCEPTED', 'the request was done, and a later step failed'],
  rejected: ['REJECTED', 'the request was refused'],
  try_again: ['TRY_AGAIN', 'the request cannot be done now, and nothing was done'],
  unknown: ['OUTCOME_UNKNOWN', 'it is not known whether the request was done'],
  failed: ['INTERNAL', 'internal error'],
};

export interface HttpApiOptions {
  /** The available routes in words, for the 404 response. */
  readonly routes: string;
  /** Called with every error whose details the client does not get. */
  readonly onError: (error: unknown) => void;
  /** Returns the time in milliseconds. @default the system's clock */
  readonly now?: () => number;
}

/** Creates an HTTP API whose errors are `{ error: { code, message } }`, and whose requests have a trace and a deadline. */
export function httpApi({ routes, onError, now = () => systemClock.now() }: HttpApiOptions): Hono {
  const app = new Hono();
  app.use(servedRequests(now));
  app.onError((error, context) => {
    if (hasCode(error, 'REQUEST_KEY_REUSED'))
      return refuse(
        context,
        422,
        'REQUEST_KEY_REUSED',
        'this Idempotency-Key was used for another request: use a new key',
      );
    // The client has gone, and nothing was done for it: there is no failure to look into.
    if (!hasCode(error, 'CALLER_GONE')) onError(error);
    const { status, headers, outcome } = httpAnswer(classify(error));
    for (const [name, value] of Object.entries(headers)) context.header(name, value);
    const [code, message] = ANSWERS[outcome];
    return refuse(context, status, code, `${message}: repeat the request with the same Idempotency-Key`);
  });
  app.notFound((context) => refuse(context, 404, 'NOT_FOUND', `there are ${routes}`));
  return app;
}

/**
 * Adds a POST route with `Idempotency-Key` and a JSON body. It validates both, calls `act` and answers 201. `client` aborts
 * when the client has gone.
 */
export function keyedPost<T>(
  app: Hono,
  path: string,
  schema: z.ZodType<T>,
  act: (requestKey: string, request: T, client: AbortSignal) => Promise<object>,
): void {
  app.post(path, bodyLimit({ maxSize: 256 * 1024, onError: tooLarge }), async (context) => {
    const key = context.req.header('idempotency-key');
    if (key === undefined) {
      const message = 'the header Idempotency-Key is missing: send one new value for each request';
      return refuse(context, 400, 'KEY_MISSING', message);
    }
    if (!requestKey.test(key))
      return refuse(context, 400, 'KEY_INVALID', 'Idempotency-Key must be 1 to 200 visible ASCII characters');
    const body: unknown = await context.req.json().catch(() => undefined);
    if (body === undefined) return refuse(context, 400, 'BODY_INVALID', 'the body is not JSON');
    const request = schema.safeParse(body);
    if (!request.success) return refuse(context, 400, 'BODY_INVALID', z.prettifyError(request.error));
    return context.json(await act(key, request.data, context.req.raw.signal), 201);
  });
}

/** Answers a GET of `/…/:id` with a UUID: the result of `find`, or 404. */
export async function answerById(
  context: Context,
  what: string,
  find: (id: string) => Promise<object | undefined>,
): Promise<Response> {
  const id = z.uuid().safeParse(context.req.param('id'));
  if (!id.success) return refuse(context, 400, 'ID_INVALID', 'an id is a UUID');
  const found = await find(id.data);
  if (found !== undefined) return context.json(found);
  return refuse(context, 404, `${what.toUpperCase()}_UNKNOWN`, `there is no ${what} ${id.data}`);
}

export function refuse(context: Context, status: Status, code: string, message: string): Response {
  return context.json({ error: { code, message } }, status);
}

function tooLarge(context: Context): Response {
  return refuse(context, 413, 'BODY_TOO_LARGE', 'a request takes up to 256 KB');
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** The answer to a request whose caller has given up already: nothing was done. */
const LATE = {
  code: 'DEADLINE_PASSED',
  message: 'the deadline of the request (header ce_deadline) had passed when it came, and nothing was done',
};

/**
 * Continues the trace of each request (header `traceparent`) in a server span, and answers 504 to one whose deadline
 * (header `ce_deadline`) has passed: its caller does not wait any more. `now` is in milliseconds of the wall clock.
 */
export function servedRequests(now: () => number): MiddlewareHandler {
  return async (context, next) => {
    const { req } = context;
    const request = requestSpan({ method: req.method, headers: req.header() });
    const deadline = readDeadline(req.header('ce_deadline'));
    try {
      if (deadline !== undefined && deadline.getTime() <= now())
        context.res = context.json({ error: LATE }, 504);
      else await request.run(next);
    } finally {
      const route = routePath(context, -1);
      request.end(context.res.status, route.endsWith('*') ? undefined : route);
    }
  };
}

/** Runs a Hono application as a service; a stop lets open requests finish for 4 s. */
export function httpService(app: Hono, port: number, host = '127.0.0.1', clock?: Clock): HttpServer {
  const answer = getRequestListener(app.fetch, { hostname: host });
  const listener = (request: Parameters<typeof answer>[0], response: Parameters<typeof answer>[1]): void =>
    void answer(request, response);
  return httpServer({ name: 'http', port, host, listener, graceMs: 4_000, ...(clock && { clock }) });
}
