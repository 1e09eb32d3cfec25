import { failpoint } from '@convergekit/core/engine';
import type { Executor } from '@convergekit/postgres';
import type { StepKey } from '../calls/work/step-key.ts';

// The join is one statement: of two concurrent members the second sees the first. Its update waits for the other's
// commit and reads the row again (under REPEATABLE READ it fails with 40001, and is rerun).
const joinSql = `
  insert into converge.saga_join as known (saga, instance, step, waits_for, members, awaits) values ($1, $2, $3, $4, $5::jsonb, $6)
  on conflict (saga, instance, step, waits_for) do update set members = known.members || excluded.members, awaits = excluded.awaits
  returning members`;

/** Records that an awaited member has come, with its event. Returns all that have; a repeated one counts once. */
export async function joinMember(
  tx: Executor,
  { saga, instance, step }: Omit<StepKey, 'version'>,
  { waitsFor, awaits }: { readonly waitsFor: 'begin' | 'undo'; readonly awaits: readonly string[] },
  member: string,
  event: string,
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await tx.query<{ members: Record<string, string> }>(joinSql, [
    saga,
    instance,
    step,
    waitsFor,
    JSON.stringify({ [member]: event }),
    awaits,
  ]);
  failpoint('saga.after_join');
  return new Map(Object.entries(rows[0]?.members ?? {}));
}
