import { context, propagation, trace } from '@opentelemetry/api';
import { attributeNames, spanNames } from './names.ts';
import { failSpan, openSpan, traceContextFrom } from './spans.ts';

/** An HTTP request, as any framework knows it. */
export interface ServedRequest {
  /** The method: `POST`. */
  readonly method: string;
  /** Headers by their lower-case names, as Node has them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The pattern of the route, such as `/orders/:id`; never the path, which has ids. @default given at the end */
  readonly route?: string;
  /** The scheme that the client used, in front of a proxy, too. @default 'http' */
  readonly scheme?: 'http' | 'https';
}

/** The handling of an HTTP request, in a server span. */
export interface RequestSpan {
  /** Runs `fn` in the trace of the request: what it emits and calls continues it. */
  run<T>(fn: () => T): T;
  /** Ends the span with the status of the answer. A second call does nothing. */
  end(status: number, route?: string): void;
}

/**
 * Opens the server span of an HTTP request, which continues the trace of its header `traceparent`.
 * The caller's baggage is dropped: any client may have set it. Names follow the HTTP conventions of OpenTelemetry.
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import { requestSpan } from 'convergekit/http';
 *
 * createServer(({ method = 'GET', headers }, response) => {
 *   const span = requestSpan({ method, headers, route: '/orders' });
 *   response.on('close', () => span.end(response.statusCode));
 *   span.run(() => response.end('what is emitted and called here continues the trace of the request'));
 * }).listen(3000);
 * ```
 */
export function requestSpan({ method, headers, route, scheme = 'http' }: ServedRequest): RequestSpan {
  const parent = traceContextFrom(carrierOf(headers));
  const attributes = { [attributeNames.method]: method, [attributeNames.scheme]: scheme };
  const span = openSpan(spanNames.request(method, route), { kind: 'server', attributes, parent });
  const active = span === undefined ? parent : trace.setSpan(parent, span);
  let open = true;
  return {
    run: (fn) => context.with(active, fn),
    end: (status, found = route) => {
      if (span === undefined || !open) return;
      open = false;
      span.setAttribute(attributeNames.status, status);
      if (found !== undefined) {
        span.setAttribute(attributeNames.route, found);
        span.updateName(spanNames.request(method, found));
      }
      if (status >= 500) failSpan(span, String(status));
      span.end();
    },
  };
}

/** The fields of the trace, each with its first value. */
function carrierOf(headers: ServedRequest['headers']): Record<string, string> {
  const carrier: Record<string, string> = {};
  for (const name of propagation.fields()) {
    const value = headers[name];
    const first = typeof value === 'string' ? value : value?.[0];
    if (first !== undefined) carrier[name] = first;
  }
  return carrier;
}
