import { z } from 'zod';
import type { Kind, LedgerEntry } from './ledger.ts';

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
  const call = async (kind: Kind, paid: Paid, key: string, signal?: AbortSignal): Promise<void> => {
    const response = await fetch(`${url}/${kind}s`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ orderId: paid.orderId, cents: paid.cents }),
      ...(signal && { signal }),
    });
    await response.arrayBuffer();
    if (!response.ok)
      throw Object.assign(new Error(`the provider answered HTTP ${response.status}`), {
        status: response.status,
      });
  };
  return {
    charge: (order, key, signal) => call('charge', order, key, signal),
    refund: (order, key, signal) => call('refund', order, key, signal),
  };
}

const entries = z.array(
  z.object({
    key: z.string(),
    kind: z.enum(['charge', 'refund']),
    orderId: z.string(),
    cents: z.int(),
    calls: z.int(),
  }),
);

/** Reads the ledger of the provider. */
export async function readLedger(url: string): Promise<readonly LedgerEntry[]> {
  const response = await fetch(`${url}/ledger`);
  return entries.parse(await response.json());
}
