import type { Clock } from 'convergekit';
import { z } from 'zod';
import { TokenBucket, type TokenRate } from './token-bucket.ts';

/** A charge in the books of the provider. */
export interface ChargeFact {
  readonly orderId: string;
  readonly state: 'taken' | 'declined';
  readonly amountCents: number;
  readonly refundedCents: number;
  /** Made within the last minute: our record of it may be on its way. */
  readonly recent: boolean;
}

/** The provider's books, read at a rate that the provider prescribes. */
export interface ProviderLedger {
  /** Lists charges in the order of their ids, behind `after`. `next`: the last one, if there are more. */
  list(
    after: string | null,
  ): Promise<{ readonly charges: readonly ChargeFact[]; readonly next: string | null }>;
  find(orderId: string): Promise<ChargeFact | null>;
}

const charge = z
  .object({
    key: z.string(),
    state: z.enum(['taken', 'declined']),
    amountCents: z.number(),
    refundedCents: z.number(),
    recent: z.boolean(),
  })
  .transform(({ key, ...rest }): ChargeFact => ({ orderId: key, ...rest }));
const page = z.object({ charges: z.array(charge), next: z.string().nullable() });

/** Reads the provider's books over HTTP. A call that exceeds the rate waits for its turn. */
export function providerLedger(url: string, rate: TokenRate, clock: Clock): ProviderLedger {
  const bucket = new TokenBucket(rate);
  const get = async (path: string): Promise<unknown> => {
    await clock.sleep(bucket.take(clock.monotonic()));
    const response = await fetch(new URL(path, url), { signal: AbortSignal.timeout(10_000) });
    if (response.status === 404) return null;
    if (response.ok) return response.json();
    // The kit classifies by the status: a 429 waits as long as the provider says.
    throw Object.assign(new Error(`the provider answered HTTP ${response.status}`), {
      status: response.status,
    });
  };
  return {
    list: async (after) => page.parse(await get(`/charges${after === null ? '' : `?after=${after}`}`)),
    find: async (orderId) => charge.nullable().parse(await get(`/charges/${orderId}`)),
  };
}
