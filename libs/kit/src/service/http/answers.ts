import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { classify, type HttpAnswer, httpAnswer, readDeadline } from '@convergekit/resilience';

/** An answer of the service itself, in place of its application. */
export interface OwnAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly code: string;
  readonly message: string;
}

/** The limits of a request. */
export interface Limits {
  readonly maxBodyBytes: number;
  /** The time, in milliseconds. */
  readonly now: number;
}

/** Refuses a request before anything is done: its caller does not wait any more, or its body is too large (pure). */
export function refusalOf(
  headers: IncomingHttpHeaders,
  { maxBodyBytes, now }: Limits,
): OwnAnswer | undefined {
  const deadline = readDeadline(headers['ce_deadline']?.toString());
  if (deadline !== undefined && deadline.getTime() <= now)
    return {
      status: 504,
      headers: {},
      code: 'DEADLINE_PASSED',
      message:
        'the deadline of the request (header ce_deadline) had passed when it came, and nothing was done',
    };
  return Number(headers['content-length'] ?? 0) > maxBodyBytes ? tooLarge(maxBodyBytes) : undefined;
}

/** The answer to a body above the limit (pure). */
export function tooLarge(maxBodyBytes: number): OwnAnswer {
  return {
    status: 413,
    headers: {},
    code: 'BODY_TOO_LARGE',
    message: `the body of a request has up to ${maxBodyBytes} bytes`,
  };
}

/** Codes and texts for clients. The error itself goes to the log. */
const TEXTS: Readonly<Record<HttpAnswer['outcome'], readonly [code: string, message: string]>> = {
  accepted: ['ACCEPTED', 'the request was done, and a later step failed'],
  rejected: ['REJECTED', 'the request was refused'],
  try_again: [
    'TRY_AGAIN',
    'the request cannot be done now, and nothing was done: repeat it with the same Idempotency-Key',
  ],
  unknown: [
    'OUTCOME_UNKNOWN',
    'it is not known whether the request was done: repeat it with the same Idempotency-Key',
  ],
  failed: ['INTERNAL', 'the request failed: repeat it with the same Idempotency-Key'],
};

/** Texts for what a client must change, by the code of the error. */
const CLIENT_TEXTS: ReadonlyMap<string, string> = new Map([
  [
    'REQUEST_KEY_INVALID',
    'send the header Idempotency-Key, of 1 to 255 characters: one new value for each request',
  ],
  ['REQUEST_KEY_REUSED', 'this Idempotency-Key was used for another request: use a new key'],
]);

/** The answer to a failed request, without the reason, which is for the log (pure). */
export function failureAnswer(error: unknown): OwnAnswer & { readonly isLogged: boolean } {
  const forClient = clientAnswer(error);
  if (forClient !== undefined) return { ...forClient, isLogged: false };
  const failure = classify(error);
  const { status, headers, outcome } = httpAnswer(failure);
  const [code, message] = TEXTS[outcome];
  const text = CLIENT_TEXTS.get(failure.code);
  if (text !== undefined) return { status, headers, code: failure.code, message: text, isLogged: false };
  // A client that has gone, for which nothing was done, is no failure to look into.
  return { status, headers, code, message, isLogged: failure.code !== 'CALLER_GONE' };
}

/** An error that Express or a parser of bodies made for the client: a path or a body that cannot be read. */
function clientAnswer(error: unknown): OwnAnswer | undefined {
  const { status, expose, message } = Object(error) as Partial<Record<string, unknown>>;
  const isRefusal = typeof status === 'number' && status >= 400 && status < 500;
  if (!isRefusal || (expose !== true && !(error instanceof URIError))) return undefined;
  return { status, headers: {}, code: 'REQUEST_INVALID', message: String(message) };
}

/** The answer to a request for which the application has no route (pure). */
export const notFound: OwnAnswer = {
  status: 404,
  headers: {},
  code: 'NOT_FOUND',
  message: 'there is no such route',
};

const JSON_TYPE = { 'content-type': 'application/json' };

export function bodyOf({ code, message }: OwnAnswer): string {
  return JSON.stringify({ error: { code, message } });
}

/** Makes the answer for a fetch handler. */
export function responseOf(answer: OwnAnswer): Response {
  return new Response(bodyOf(answer), {
    status: answer.status,
    headers: { ...JSON_TYPE, ...answer.headers },
  });
}

/**
 * Sends the answer, and resolves when it has left or its client has gone. An answer that has begun can only be cut off; one
 * that is complete stays.
 */
export async function send(response: ServerResponse, answer: OwnAnswer): Promise<void> {
  if (response.writableEnded || response.closed) return;
  if (response.headersSent) return void response.destroy();
  const left = new Promise<void>((resolve) => response.once('close', resolve));
  response.writeHead(answer.status, { ...JSON_TYPE, ...answer.headers }).end(bodyOf(answer));
  await left;
}
