import type { Clock, Random } from '@convergekit/core';
import { ACCOUNTS } from './banks.ts';

export interface TransferBody {
  readonly from: string;
  readonly to: string;
  readonly amountCents: number;
}

/** Creates a transfer: 3 of 100 name a missing savings account; some accounts are poor or closed. */
export function transferBody(random: Random): TransferBody {
  const any = (): number => Math.floor(random() * ACCOUNTS);
  const to = random() < 0.03 ? 's-unknown' : `s${any()}`;
  return { from: `g${any()}`, to, amountCents: 1 + Math.floor(random() * 1_500) };
}

export interface BankClient {
  readonly url: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Repeats the same request under the same key until it is answered. Returns the transfer's id. */
export async function transfer(
  { url, clock, signal }: BankClient,
  requestKey: string,
  body: TransferBody,
): Promise<string> {
  for (;;) {
    signal.throwIfAborted();
    const answer = await fetch(new URL('/transfers', url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': requestKey },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]),
    }).then(
      async (response) => ({ status: response.status, text: await response.text() }),
      () => undefined,
    );
    if (answer?.status === 201) return (JSON.parse(answer.text) as { transferId: string }).transferId;
    if (answer !== undefined && answer.status < 500)
      throw new Error(`the bank refused ${requestKey}: HTTP ${answer.status} ${answer.text}`);
    await clock.sleep(200, signal);
  }
}
