import type { Executor } from '@convergekit/postgres';
import type { Claim } from './claim.ts';

// One commit for several keys. SKIP LOCKED: the statement waits for no report of one of them, so that it can neither deadlock
// with another statement over several keys nor hold back the others. Plan: the primary key for each key.
const forgetSql = `
  with healthy as (
    select k.key from unnest($3::text[], $4::bigint[]) as c (key, term)
      join converge.reconcile_key k on k.reconciler = $1 and k.key = c.key
     where k.holder = $2 and k.term = c.term and k.state = 'running' and not k.dirty
       for update of k skip locked)
  delete from converge.reconcile_key as k using healthy where k.reconciler = $1 and k.key = healthy.key
  returning k.key`;

/**
 * Deletes claimed keys of one holder and reconciler that need no history. Returns the deleted keys: the others were
 * reported during their run, are locked, or are claimed no more.
 */
export async function forgetKeys(executor: Executor, claims: readonly Claim[]): Promise<ReadonlySet<string>> {
  const [first] = claims;
  if (first === undefined) return new Set();
  const { rows } = await executor.query<{ key: string }>(forgetSql, [
    first.reconciler,
    first.holder,
    claims.map(({ key }) => key),
    claims.map(({ term }) => term.toString()),
  ]);
  return new Set(rows.map(({ key }) => key));
}
