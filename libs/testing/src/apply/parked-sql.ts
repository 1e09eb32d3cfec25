import type { Executor } from '@convergekit/postgres';

/** Makes all waiting keys of a consumer due now. Returns their number. */
export async function hurryParked(executor: Executor, consumer: string): Promise<number> {
  const sql = `update converge.parked_key set next_at = clock_timestamp() where consumer = $1 and state = 'waiting'`;
  return (await executor.query(sql, [consumer])).rowCount;
}

/** True while a drain has a key, or a key is due. */
export async function drains(executor: Executor, consumer: string): Promise<boolean> {
  const sql = `select from converge.parked_key
                where consumer = $1 and state = 'waiting'
                  and (next_at <= clock_timestamp() or leased_until > clock_timestamp())`;
  return (await executor.query(sql, [consumer])).rows.length > 0;
}
