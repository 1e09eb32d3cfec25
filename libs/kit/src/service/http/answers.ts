import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { classify, httpAnswer, readDeadline } from '@convergekit/resilience';

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

/** The answer to a request whose handler failed, without the reason, which is for the log (pure). */
export function failureAnswer(error: unknown): OwnAnswer {
  const { status, headers, outcome } = httpAnswer(classify(error));
  return {
    status,
    headers,
    code: outcome.toUpperCase(),
    message: 'the request failed: repeat it with the same Idempotency-Key',
  };
}

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

/** Sends the answer, and resolves when it has left or its client has gone. An answer that has begun can only be cut off. */
export async function send(response: ServerResponse, answer: OwnAnswer): Promise<void> {
  if (response.headersSent) return void response.destroy();
  const left = new Promise<void>((resolve) => response.once('close', resolve));
  response.writeHead(answer.status, { ...JSON_TYPE, ...answer.headers }).end(bodyOf(answer));
  await left;
}
