import { releaseLease, renewLease } from '@convergekit/postgres/engine';
import { withTransaction } from '@convergekit/postgres';
import { ConvergeError, systemClock, systemRandom } from '@convergekit/core';
import { Renewals } from '@convergekit/core/engine';
import { takeOver, type Takeover } from '../leader/takeover-sql.ts';
import { LEASE } from '../options.ts';
import type { RelayDatabase } from '../ports.ts';

const TTL_MS = 10_000;

/**
 * Runs `fn` while no relay can lead: holds the lease, whose term fences a deposed relay's saves. A refused relay holds
 * the lease for a moment now and then, so this function retries until `waitMs` have passed.
 */
export async function holdLease<T>(
  database: RelayDatabase,
  { holder, waitMs }: { readonly holder: string; readonly waitMs: number },
  fn: (takeover: Takeover) => Promise<T>,
): Promise<T> {
  const takeover = await take(database, holder, waitMs);
  const held = { name: LEASE, holder, term: takeover.term };
  const renew = () => renewLease(database.executor, { ...held, ttlMs: TTL_MS });
  try {
    // A renewal that fails is not fatal by itself: the last transaction asks for the term again.
    return await new Renewals({ renew, leaseMs: TTL_MS }).during(held, () => fn(takeover));
  } finally {
    await releaseLease(database.executor, held).catch(() => undefined);
  }
}

async function take(database: RelayDatabase, holder: string, waitMs: number): Promise<Takeover> {
  const deadline = systemClock.monotonic() + waitMs;
  for (;;) {
    const outcome = await withTransaction(database, { clock: systemClock, random: systemRandom }, (tx) =>
      takeOver(tx, { name: LEASE, holder, ttlMs: TTL_MS }),
    );
    if (outcome.kind === 'leading') return outcome.takeover;
    if (systemClock.monotonic() > deadline)
      throw new ConvergeError(
        `${outcome.heldBy} leads this source: stop all its relays, then rebase (a rebase is for a source whose relay refuses to lead)`,
        { code: 'SOURCE_LEASE_HELD', category: 'configuration', certainty: 'not_applied' },
      );
    await systemClock.sleep(20);
  }
}
