import { systemClock } from '@convergekit/core';
import { classify, type HttpAnswer, httpAnswer } from '@convergekit/resilience';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import { servedRequests } from './served-request.ts';

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
