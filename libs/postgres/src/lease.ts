import type { Executor } from './executor.ts';

/** The outcome of acquiring a lease. `expiresAt` is by the database's clock: display it, never compare with it. */
export type LeaseOutcome =
  | { readonly kind: 'acquired'; readonly term: bigint }
  | { readonly kind: 'held'; readonly heldBy: string; readonly expiresAt: Date };

export interface LeaseRequest {
  readonly name: string;
  /** The holder, unique to one running process: a restarted process must have another one. */
  readonly holder: string;
  /** The duration of the lease, in milliseconds. */
  readonly ttlMs: number;
}

export interface HeldLease {
  readonly name: string;
  readonly holder: string;
  readonly term: bigint;
}

/** The server that answers, by the microsecond of its start: a standby that is promoted is another one. */
export const SERVER_STARTED = '(extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint';

/** The longest lease of any process, in milliseconds; a longer one is held by processes that ask for as long. */
const LONGEST_MS = 600_000;

/**
 * Returns the condition that a lease ends later than any can: the database's clock was set back since its holder renewed it.
 * `ms`: the longest lease of the asker, in milliseconds.
 */
export function endsTooLate(end: string, ms: string): string {
  return `${end} > clock_timestamp() + greatest(${ms}::float8, ${LONGEST_MS}) * interval '1 millisecond'`;
}

/** Returns the condition that a lease is over. A holder of one that ends too late renews it soon if it lives, or is fenced. */
export function isOver(end: string, ms: string): string {
  return `(${end} <= clock_timestamp() or ${endsTooLate(end, ms)})`;
}

const HELD = `not ${isOver('l.expires_at', '$3')}`;

// Compare-and-set on one row: a transaction that waited for the row compares again with its newest version. The term
// increases at every acquisition, also by the same holder, so that its former self is fenced.
const acquireSql = `
  insert into converge.lease as l (name, holder, term, expires_at)
  values ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond')
  on conflict (name) do update
    set holder = excluded.holder, term = l.term + 1, server = ${SERVER_STARTED}, expires_at = clock_timestamp() + $3 * interval '1 millisecond',
        lost_at = array(select lost from unnest(l.lost_at || case when l.expires_at > '-infinity' then clock_timestamp() end) as lost
                         where lost > clock_timestamp() - interval '10 minutes')
    where l.holder = excluded.holder or not (${HELD})
  returning term`;

/** Acquires a lease that is free, expired, or already ours. It also works inside a transaction. */
export async function acquireLease(executor: Executor, request: LeaseRequest): Promise<LeaseOutcome> {
  const { name, holder, ttlMs } = request;
  const taken = await executor.query<{ term: string }>(acquireSql, [name, holder, ttlMs]);
  const row = taken.rows[0];
  if (row !== undefined) return { kind: 'acquired', term: BigInt(row.term) };
  const found = await executor.query<{ holder: string; expires_at: Date }>(
    'select holder, expires_at from converge.lease where name = $1',
    [name],
  );
  const other = found.rows[0];
  return { kind: 'held', heldBy: other?.holder ?? 'unknown', expiresAt: other?.expires_at ?? new Date(0) };
}

/** Reads which other process holds a lease, without a lock: `acquireLease` would lock the row against its renewals. */
export async function otherHolder(
  executor: Executor,
  { name, holder, ttlMs }: LeaseRequest,
): Promise<string | undefined> {
  const { rows } = await executor.query<{ holder: string }>(
    `select holder from converge.lease l where name = $1 and holder <> $2 and ${HELD}`,
    [name, holder, ttlMs],
  );
  return rows[0]?.holder;
}

/** Extends a lease. Returns false when another holder has it, or another server has taken over: stop at once. */
export async function renewLease(
  executor: Executor,
  { name, holder, term, ttlMs }: HeldLease & { readonly ttlMs: number },
): Promise<boolean> {
  // An expired lease that was not taken is still ours: the term proves it.
  const { rowCount } = await executor.query(
    `update converge.lease set expires_at = clock_timestamp() + $4 * interval '1 millisecond'
      where name = $1 and holder = $2 and term = $3 and server = ${SERVER_STARTED}`,
    [name, holder, term.toString(), ttlMs],
  );
  return rowCount === 1;
}

/** Releases a lease, of any term without one, so that a standby takes over at once. The row stays, and with it the term. */
export async function releaseLease(
  executor: Executor,
  { name, holder, term }: Pick<HeldLease, 'name' | 'holder'> & Partial<HeldLease>,
): Promise<boolean> {
  const { rowCount } = await executor.query(
    `update converge.lease set expires_at = '-infinity' where name = $1 and holder = $2 and term = coalesce($3, term)`,
    [name, holder, term?.toString() ?? null],
  );
  return rowCount === 1;
}
