import { classify } from '@converge/resilience';
import { z } from 'zod';
import type { Answer, Op } from './work.ts';

export interface Call {
  readonly op: Op;
  readonly orderId: string;
  readonly amountCents: number;
}

export interface Provider {
  submit(call: Call): Promise<Answer>;
  ask(call: Call): Promise<Answer>;
}

export interface ProviderOptions {
  readonly url: string;
  /** How long one call may take before its outcome counts as unknown, milliseconds. @default 1_500 */
  readonly timeoutMs?: number;
}

const chargeBody = z.object({
  chargeId: z.string(),
  state: z.enum(['taken', 'declined']),
  reason: z.string().nullish(),
  refunded: z.boolean(),
});

/**
 * The payment provider over HTTP. The order's id is the idempotency key, so a repeated call is the same call.
 * It never rejects: whatever happens is an `Answer`, and what is not certain is said to be unclear.
 */
export function providerClient({ url, timeoutMs = 1_500 }: ProviderOptions): Provider {
  const call = async (path: string, init: RequestInit, op: Op): Promise<Answer> => {
    try {
      const response = await fetch(new URL(path, url), { ...init, signal: AbortSignal.timeout(timeoutMs) });
      return meaning(op, response.status, await response.json().catch(() => undefined));
    } catch (error) {
      const { certainty, code, message } = classify(error);
      const why = `${code}: ${message}`;
      return certainty === 'not_applied' ? { kind: 'not_applied', why } : { kind: 'unclear', why };
    }
  };
  const post = (path: string, key: string, body: object): RequestInit & { path: string } => ({
    path,
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify(body),
  });
  return {
    submit: ({ op, orderId, amountCents }) => {
      const { path, ...init } =
        op === 'charge'
          ? post('/charges', orderId, { amountCents })
          : post('/refunds', `${orderId}:refund`, { chargeKey: orderId, amountCents });
      return call(path, init, op);
    },
    ask: ({ op, orderId }) => call(`/charges/${orderId}`, {}, op),
  };
}

/** What a status and a body say about the call that was made or asked about. */
export function meaning(op: Op, status: number, body: unknown): Answer {
  if (status === 404) return { kind: 'absent' };
  if (status === 429 || status === 503) return { kind: 'not_applied', why: `HTTP ${status}` };
  const parsed = chargeBody.safeParse(body);
  if (status >= 500 || !parsed.success) return { kind: 'unclear', why: `HTTP ${status}` };
  const { state, chargeId, reason, refunded } = parsed.data;
  if (op === 'refund') return refunded ? { kind: 'done', reference: chargeId } : { kind: 'absent' };
  if (state === 'declined') return { kind: 'declined', reason: reason ?? 'the card was declined' };
  return { kind: 'done', reference: chargeId };
}
