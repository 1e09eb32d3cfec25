import { z } from 'zod';
import { sendJson } from '../../../programs.ts';

const entries = z.array(
  z.object({
    key: z.string(),
    kind: z.enum(['charge', 'refund']),
    orderId: z.string(),
    cents: z.int(),
    /** The number of calls with this key; all but the first were dropped. */
    calls: z.int(),
  }),
);
/** An effect at the payment provider, by its idempotency key. */
export type LedgerEntry = Readonly<z.infer<typeof entries>[number]>;
export type Kind = LedgerEntry['kind'];

/** The client of the payment provider, the same for every side. A failed call rejects with the HTTP status. */
export interface Provider {
  charge(order: Paid, key: string, signal?: AbortSignal): Promise<void>;
  refund(order: Paid, key: string, signal?: AbortSignal): Promise<void>;
}

interface Paid {
  readonly orderId: string;
  readonly cents: number;
}

export function providerAt(url: string): Provider {
  const call = async (kind: Kind, { orderId, cents }: Paid, key: string, signal?: AbortSignal) => {
    await sendJson(`${url}/${kind}s`, { orderId, cents }, { signal, headers: { 'idempotency-key': key } });
  };
  return {
    charge: (order, key, signal) => call('charge', order, key, signal),
    refund: (order, key, signal) => call('refund', order, key, signal),
  };
}

export async function readLedger(url: string): Promise<readonly LedgerEntry[]> {
  const response = await fetch(`${url}/ledger`);
  return entries.parse(await response.json());
}
