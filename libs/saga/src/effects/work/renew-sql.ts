import type { Executor } from '@convergekit/postgres';
import type { ClaimedWork } from './work.ts';

export type Held = Pick<ClaimedWork, 'id' | 'term'>;

// One statement for all rows, by the primary key. The term fences it: a row that another worker has claimed stays
// that one's. A row whose outcome is being recorded is locked, needs no lease, and is not waited for.
const renewSql = `
  update converge.saga_work work set due_at = clock_timestamp() + $4::float8 * interval '1 millisecond'
    from (
      select found.id from unnest($1::uuid[], $2::bigint[]) as held(id, term)
        join converge.saga_work found on found.id = held.id and found.term = held.term
       where found.holder = $3 and found.state in ('ready', 'calling', 'unknown', 'answered')
         for update of found skip locked) as ours
   where work.id = ours.id
  returning work.id`;

/** Renews the leases of held rows. Returns the ids of those that were renewed. */
export async function renewLeases(
  executor: Executor,
  holder: string,
  held: readonly Held[],
  leaseMs: number,
): Promise<readonly string[]> {
  const values = [held.map(({ id }) => id), held.map(({ term }) => term), holder, leaseMs];
  return (await executor.query<{ id: string }>(renewSql, values)).rows.map(({ id }) => id);
}
