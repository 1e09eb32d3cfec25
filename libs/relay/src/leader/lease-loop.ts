import { endsWithin } from '@convergekit/core';
import { poll } from '@convergekit/core/engine';
import { renewLease } from '@convergekit/postgres/engine';
import type { RelaySettings } from '../options.ts';
import type { Ending } from './ending.ts';

/** The part of a leadership that the lease concerns. */
interface LeaseHolder {
  readonly ending: Ending;
  readonly margin: LeaseMargin;
  readonly settings: RelaySettings;
  readonly term: bigint;
  deposed(detail: string): void;
}

/** Renews the lease until the leadership ends; ends the leadership when the lease is lost. */
export function leaseLoop(leader: LeaseHolder): Promise<void> {
  const { ending, settings } = leader;
  const { clock, random, renewMs: everyMs } = settings;
  const { signal, failed: onError } = ending;
  return poll({ everyMs, signal, onError, clock, random, immediately: false, run: () => renew(leader) });
}

async function renew(leader: LeaseHolder): Promise<void> {
  const { ending, margin, settings, term } = leader;
  const { clock, database, lease: name, holder, leaseMs: ttlMs } = settings;
  const askedAt = clock.monotonic();
  if (margin.isOver(askedAt)) {
    leader.deposed('the lease ran out');
    return;
  }
  const renewal = renewLease(database.executor, { name, holder, term, ttlMs }).then(
    (ours) => (ours ? 'ours' : 'lost'),
    () => 'no_answer' as const,
  );
  // The process's own clock decides when the database does not answer at all.
  const answered = new AbortController();
  const patience = clock.sleep(ttlMs, AbortSignal.any([ending.signal, answered.signal]));
  const outcome = await Promise.race([renewal, patience.then(() => 'no_answer' as const)]);
  answered.abort();
  if (ending.isOver()) {
    // A renewal that comes after the release would take the lease again, for no relay.
    await endsWithin(renewal, 1_000, clock);
    return;
  }
  if (outcome === 'lost')
    leader.deposed(
      'another relay has the lease, or the database has another server: it restarted, or a standby was promoted',
    );
  else if (outcome === 'ours') margin.renewed(askedAt);
  else if (margin.isOver(clock.monotonic())) leader.deposed('the lease ran out: Postgres does not answer');
}

/**
 * The time that the holder of a lease may assume, on its own monotonic clock. The time counts from the moment *before*
 * the renewal was requested: the database's clock started later, so this side always gives up first. A process that was
 * stopped for a while sees on waking that the time is over, without asking the database.
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
