import { classify } from 'convergekit';
import { type HttpAnswer, httpAnswer, requestSpan } from 'convergekit/http';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import { z } from 'zod';

type Status = 404 | HttpAnswer['status'];

/** Creates an HTTP API for `http` of a service, which answers its errors. `routes` has its routes in words. */
export function httpApi(routes: string): Hono {
  const app = new Hono();
  app.use(traced);
  app.onError((error) => {
    throw error;
  });
  app.notFound((context) => refuse(context, 404, 'NOT_FOUND', `there are ${routes}`));
  return app;
}

/**
 * Adds a POST route with a JSON body, and answers 201 with what `act` returns. `requestKey` is the header `Idempotency-Key`;
 * `client` aborts when the client has gone.
 */
export function keyedPost<T>(
  app: Hono,
  path: string,
  schema: z.ZodType<T>,
  act: (requestKey: string | undefined, request: T, client: AbortSignal) => Promise<object>,
): void {
  app.post(path, async (context) => {
    const body: unknown = await context.req.json().catch(() => undefined);
    if (body === undefined) return refuse(context, 400, 'BODY_INVALID', 'the body is not JSON');
    const request = schema.safeParse(body);
    if (!request.success) return refuse(context, 400, 'BODY_INVALID', z.prettifyError(request.error));
    const key = context.req.header('idempotency-key');
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

/** Continues the trace of each request (header `traceparent`) in a server span that has the name of its route. */
export const traced: MiddlewareHandler = async (context, next) => {
  const { req } = context;
  const span = requestSpan({ method: req.method, headers: req.header() });
  const end = (status: number): void => {
    const route = routePath(context, -1);
    span.end(status, route.endsWith('*') ? undefined : route);
  };
  try {
    await span.run(next);
    end(context.res.status);
  } catch (error) {
    end(httpAnswer(classify(error)).status);
    throw error;
  }
};
