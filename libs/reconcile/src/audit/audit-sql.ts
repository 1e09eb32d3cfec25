import type { Executor } from '@convergekit/postgres';
import { toJson } from '../canonical.ts';
import type { Claim } from '../claim.ts';
import type { OutcomeKind } from '../outcome.ts';
import type { Reconciler } from '../reconciler.ts';

/** The states of a verdict as JSON texts; null where there are none. */
export interface AuditedStates {
  readonly desired: string | null;
  readonly before: string | null;
  readonly drift: string | null;
  readonly why: string;
}

/** A verdict about a key that was no repair: its row is written with the key's next state. */
export interface AuditRow extends AuditedStates {
  readonly verdict: OutcomeKind;
  readonly actor: string;
}

interface Seen {
  readonly desired: unknown;
  readonly actual: unknown;
  readonly judged: { readonly drift: unknown };
}

export function auditedStates(
  { name, why }: Pick<Reconciler, 'name' | 'why'>,
  { desired, actual, judged }: Seen,
): AuditedStates {
  const { drift } = judged;
  return {
    desired: toJson(desired),
    before: toJson(actual),
    drift: toJson(drift),
    why: why?.(drift) ?? name,
  };
}

const repairSql = `
  insert into converge.reconcile_audit (reconciler, key, verdict, desired, before, after, drift, why, cause, actor, term)
  values ($1, $2, 'repaired', $3, $4, $5, $6, $7, $8, $9, $10)`;

/** Writes the row of a repair in its transaction. */
export async function appendAudit(
  tx: Executor,
  row: AuditedStates & { readonly claim: Claim; readonly actor: string; readonly after: unknown },
): Promise<void> {
  const { claim, desired, before, after, drift, why, actor } = row;
  const { reconciler, key, cause, term } = claim;
  await tx.query(repairSql, [
    reconciler,
    key,
    desired,
    before,
    toJson(after),
    drift,
    why,
    cause,
    actor,
    term.toString(),
  ]);
}

/** The columns that `auditSql` of a finished key fills, beside those of the claim. */
export function auditValues({ verdict, desired, before, drift, why, actor }: AuditRow): readonly unknown[] {
  return [verdict, desired, before, drift, why, actor];
}
