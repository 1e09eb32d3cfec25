import { renewLease } from '@convergekit/postgres/engine';
import { endsWithin } from '@convergekit/core';
import type { RelaySettings } from '../options.ts';
import type { Ending } from './ending.ts';
import type { Wake } from './wake.ts';

/** The leadership, as far as its lease is concerned. */
interface LeaseHolder {
  readonly ending: Ending;
  readonly margin: LeaseMargin;
  readonly settings: RelaySettings;
  readonly term: bigint;
  deposed(detail: string): void;
}

/** Renews the lease until the leadership ends, and ends it when the lease is lost or ran out. */
export async function leaseLoop(leader: LeaseHolder, wake: Wake): Promise<void> {
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
    if (ending.isOver()) {
      await endsWithin(renewal, 1_000, clock);
      return;
    }
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

/**
 * What the holder of a lease may believe, on its own monotonic clock. The time counts from the moment *before* the
 * renewal was asked for: the database's clock started later, so this side always gives up first. A process that was
 * stopped for a while sees on waking that the time is over, without asking anybody.
 */
export class LeaseMargin {
  #validUntil: number;
  readonly #leaseMs: number;
  readonly #stopBeforeMs: number;

  constructor(askedAt: number, leaseMs: number, stopBeforeMs: number) {
    this.#leaseMs = leaseMs;
    this.#stopBeforeMs = stopBeforeMs;
    this.#validUntil = askedAt + leaseMs;
  }

  renewed(askedAt: number): void {
    this.#validUntil = Math.max(this.#validUntil, askedAt + this.#leaseMs);
  }

  /** Milliseconds for which sending is allowed: a produce in flight needs the rest to come back. */
  maySendFor(now: number): number {
    return Math.max(0, this.#validUntil - this.#stopBeforeMs - now);
  }

  isOver(now: number): boolean {
    return now >= this.#validUntil;
  }
}
