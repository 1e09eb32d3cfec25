import { renewLease } from '@convergekit/postgres';
import type { Clock } from '@convergekit/core';
import type { Leadership } from './leadership.ts';
import type { Wake } from './wake.ts';

/** Renews the lease until the leadership ends, and ends it when the lease is lost or ran out. */
export async function leaseLoop(leader: Leadership, wake: Wake): Promise<void> {
  const { ending, margin, settings } = leader;
  const { clock, database, lease, holder, leaseMs, renewMs } = settings;
  while (!ending.isOver()) {
    await wake.wait(renewMs);
    if (ending.isOver()) return;
    const askedAt = clock.monotonic();
    if (margin.isOver(askedAt)) {
      leader.deposed('the lease ran out');
      return;
    }
    const renewal = renewLease(database.executor, {
      name: lease,
      holder,
      term: leader.term,
      ttlMs: leaseMs,
    }).then(
      (ours) => (ours ? 'ours' : 'lost'),
      () => 'no_answer' as const,
    );
    // A database that does not answer at all must not keep us here: our own clock decides.
    const outcome = await Promise.race([renewal, wake.wait(leaseMs).then(() => 'no_answer' as const)]);
    wake.notify();
    // A renewal that comes after the release would take the lease again, for nobody.
    if (ending.isOver()) return settleWithin(renewal, clock);
    if (outcome === 'lost') {
      leader.deposed('another relay has the lease');
      return;
    }
    if (outcome === 'ours') margin.renewed(askedAt);
    else if (margin.isOver(clock.monotonic())) {
      leader.deposed('the lease ran out: Postgres does not answer');
      return;
    }
  }
}

async function settleWithin(renewal: Promise<unknown>, clock: Clock): Promise<void> {
  const patience = new AbortController();
  await Promise.race([renewal, clock.sleep(1_000, patience.signal)]);
  patience.abort();
}
