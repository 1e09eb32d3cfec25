import type { Executor } from '@convergekit/postgres';
import type { StackState } from './entry.ts';
import type { Held } from './journal-sql.ts';
import { firstSeal } from './seal.ts';

/** A stack in somebody's hands, as it was found. */
export interface ClaimedStack extends Held {
  readonly input: string;
  readonly entries: number;
  readonly seal: string;
  /** The database's clock at the claim, milliseconds since 1970. */
  readonly nowMs: number;
}

interface ClaimRow {
  readonly stack: string;
  readonly id: string;
  readonly term: string;
  readonly input: string;
  readonly entries: number;
  readonly seal: string;
  readonly now_ms: string;
}

const claimed = `returning one.stack, one.id, one.term, one.input, one.entries, one.seal,
    extract(epoch from clock_timestamp()) * 1000 as now_ms`;

/**
 * Begins a stack, unless there is one of this id: then nothing is returned, and the row is left as it is. One index
 * entry more; waits only for another transaction that begins the same one.
 */
export const openSql = `
  insert into converge.saga_stack as one (stack, id, input, seal, holder, due_at)
  values ($1, $2, $3, $4, $5, clock_timestamp() + $6::float8 * interval '1 millisecond')
  on conflict (stack, id) do nothing ${claimed}`;

export async function openStack(
  executor: Executor,
  { stack, id, input }: { readonly stack: string; readonly id: string; readonly input: string },
  holder: string,
  leaseMs: number,
): Promise<ClaimedStack | undefined> {
  const seal = firstSeal(stack, id, input);
  const { rows } = await executor.query<ClaimRow>(openSql, [stack, id, input, seal, holder, leaseMs]);
  return rows.map(claimOf)[0];
}

/**
 * Takes what is due of the declared stacks, the oldest first. The lease is committed before anything is done. A lease
 * that has ended makes the row due again: `due_at` is both, and saga_stack_due finds both. SKIP LOCKED: workers pass
 * each other. All times are the database's.
 */
export const claimSql = `
  update converge.saga_stack one set holder = $1, term = one.term + 1,
    due_at = clock_timestamp() + $4::float8 * interval '1 millisecond'
  where (one.stack, one.id) in (
    select stack, id from converge.saga_stack
     where stack = any ($2::text[]) and due_at <= clock_timestamp()
     order by due_at limit $3 for update skip locked) ${claimed}`;

export async function claimStacks(
  executor: Executor,
  holder: string,
  stacks: readonly string[],
  places: number,
  leaseMs: number,
): Promise<readonly ClaimedStack[]> {
  const { rows } = await executor.query<ClaimRow>(claimSql, [holder, stacks, places, leaseMs]);
  return rows.map(claimOf);
}

/** The same for one whose caller asks again. Undefined when it is not due. */
export const claimOneSql = `
  update converge.saga_stack one set holder = $1, term = one.term + 1,
    due_at = clock_timestamp() + $4::float8 * interval '1 millisecond'
  where one.stack = $2 and one.id = $3 and one.due_at <= clock_timestamp() ${claimed}`;

export async function claimStack(
  executor: Executor,
  holder: string,
  stack: string,
  id: string,
  leaseMs: number,
): Promise<ClaimedStack | undefined> {
  const { rows } = await executor.query<ClaimRow>(claimOneSql, [holder, stack, id, leaseMs]);
  return rows.map(claimOf)[0];
}

function claimOf({ now_ms, ...row }: ClaimRow): ClaimedStack {
  return { ...row, nowMs: Number(now_ms) };
}

export interface StackRow {
  readonly state: StackState;
  readonly input: string;
  readonly result: string | null;
}

export const stackSql = 'select state, input, result from converge.saga_stack where stack = $1 and id = $2';

export async function readStackRow(
  executor: Executor,
  stack: string,
  id: string,
): Promise<StackRow | undefined> {
  const { rows } = await executor.query<StackRow>(stackSql, [stack, id]);
  return rows[0];
}
