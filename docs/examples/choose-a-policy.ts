import { deadlineHeaders, httpAnswer, readDeadline } from 'convergekit/http';
import { operation, type OperationGuards, type PolicyRules, systemClock, systemRandom } from 'convergekit';
import { policyBook, SharedGuards } from 'convergekit/process';

/** The policy module: the only file to edit when the strategy changes. */
export const rules: PolicyRules = {
  default: { attempts: 3, backoff: { capMs: 2_000 }, attemptTimeoutMs: 1_000, deadlineMs: 10_000 },
  payment: { attemptTimeoutMs: 2_000 },
  'payment.charge': { attempts: 2 },
  'price.read': { attempts: 1, attemptTimeoutMs: 200, breaker: { minimumCalls: 5 } },
};

/** One for the process. In place of the book, a `policyWatch` follows the central table. */
export const guards: OperationGuards = {
  clock: systemClock,
  random: systemRandom,
  shared: new SharedGuards({ policies: policyBook(rules), clock: systemClock, random: systemRandom }),
};

export interface Bank {
  charge(
    orderId: string,
    request: { key: string; headers: Record<string, string>; signal: AbortSignal },
  ): Promise<string>;
}

/** Business code: names the call and says what a repeat does. It has no numbers. */
export const chargeWith = (bank: Bank) =>
  operation({
    name: 'payment.charge',
    idempotency: 'keyed',
    key: (orderId: string) => `charge:${orderId}`,
    call: (orderId, { idempotencyKey = '', signal, deadline }) =>
      bank.charge(orderId, { key: idempotencyKey, signal, headers: { ...deadlineHeaders(deadline) } }),
  });

export const priceFrom = (shop: (sku: string) => Promise<number>) =>
  operation({
    name: 'price.read',
    idempotency: 'idempotent',
    call: (sku: string) => shop(sku),
    // Yesterday's price is better than none: said here, used only while the breaker is open.
    fallback: () => 999,
  });

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The edge of the service: the caller's deadline in, an answer by contract out. */
export async function payRoute(
  charge: ReturnType<typeof chargeWith>,
  request: { readonly orderId: string; readonly headers: Readonly<Record<string, string>> },
  around: OperationGuards & { readonly failureOf: (error: unknown) => Parameters<typeof httpAnswer>[0] },
): Promise<Answer> {
  const deadline = readDeadline(request.headers['ce_deadline']);
  try {
    return { status: 200, headers: {}, body: await charge.run(request.orderId, { ...around, deadline }) };
  } catch (error) {
    const { status, headers, outcome } = httpAnswer(around.failureOf(error));
    return { status, headers, body: outcome };
  }
}
