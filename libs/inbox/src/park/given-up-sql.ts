import type { Executor } from '@convergekit/postgres';
import { GIVE_UP_LIMIT } from '../alarms.ts';
import { UNPROVED } from './give-up-rules.ts';

// Taken before any row of a parked event or key is locked, so that two members that give up at once count each other.
const lockSql = `select pg_advisory_xact_lock(hashtextextended('converge give up ' || $1, 0))`;

// A resume with --continue begins anew. Uses the index parked_state; rejections, of which there may be many, are no faults.
const countSql = `
  select count(*)::int as given from converge.parked
   where consumer = $1 and state in ('dead', 'skipped', 'superseded', 'replaced') and failure_event is not null
     and (category = 'bug' or structural or category = 'data' and position is not null and code <> all ($2))
     and last_at > greatest(clock_timestamp() - interval '1 hour', (
       select max(at) from converge.audit where subject_kind = 'consumer' and subject_id = $1 and act = 'consumers resume'
          and before ->> 'halted' = '${GIVE_UP_LIMIT}' and after ->> 'pass' is not null))`;

/**
 * Counts the events that a consumer gave up for faults in the last hour, or since an operator let as many again be given up. Until
 * the end of the transaction no other member of the consumer counts. The transaction must be READ COMMITTED.
 */
export async function countGivenUp(tx: Executor, consumer: string): Promise<number> {
  await tx.query(lockSql, [consumer]);
  const { rows } = await tx.query<{ given: number }>(countSql, [consumer, UNPROVED]);
  return rows[0]?.given ?? 0;
}
