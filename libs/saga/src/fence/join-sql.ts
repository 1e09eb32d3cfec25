import type { Executor } from '@convergekit/postgres';
import type { StepKey } from '../step/story.ts';

// One statement, so that of two members that come at the same time the second sees the first: its update waits for the
// other's commit and reads the row again (under REPEATABLE READ it is told 40001, and rerun).
const joinSql = `
  insert into converge.saga_join as known (saga, instance, step, waits_for, members) values ($1, $2, $3, $4, $5::jsonb)
  on conflict (saga, instance, step, waits_for) do update set members = known.members || excluded.members
  returning members`;

/** Notes that a member has come, with the event that it told. Gives all that have: one that comes twice counts once. */
export async function joinMember(
  tx: Executor,
  { saga, instance, step }: Omit<StepKey, 'version'>,
  waitsFor: 'begin' | 'undo',
  member: string,
  event: string,
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await tx.query<{ members: Record<string, string> }>(joinSql, [
    saga,
    instance,
    step,
    waitsFor,
    JSON.stringify({ [member]: event }),
  ]);
  return new Map(Object.entries(rows[0]?.members ?? {}));
}
