import type { Executor } from '@convergekit/postgres';
import { toJson } from '../verdict/canonical.ts';
import type { Claim, OutcomeKind } from '../claim.ts';
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

/** A row of the audit of repairs: a repair, or a verdict that was no repair. States are JSON values. */
interface AuditEntry {
  readonly id: string;
  readonly at: Date;
  /** null = the row is of the whole reconciler. */
  readonly key: string | null;
  readonly verdict: string;
  readonly why: string;
  readonly cause: string;
  readonly actor: string;
  readonly desired: unknown;
  readonly before: unknown;
  readonly after: unknown;
  readonly drift: unknown;
}

// With a key by the index of keys; without one backwards by the primary key.
const readSql = `
  select id::text as id, at, key, verdict, why, cause, actor, desired, before, after, drift
    from converge.reconcile_audit
   where reconciler = $1 and ($2::text is null or key = $2) and ($4::bigint is null or reconcile_audit.id < $4) order by reconcile_audit.id desc limit $3`;

/** Reads the newest rows of a reconciler, or of one key, the newest first; `before`: those older than the row of this id. */
export async function readAudit(
  executor: Executor,
  reconciler: string,
  {
    key,
    before,
    limit,
  }: { readonly key?: string | undefined; readonly before?: string | undefined; readonly limit: number },
): Promise<readonly AuditEntry[]> {
  return (await executor.query<AuditEntry>(readSql, [reconciler, key ?? null, limit, before ?? null])).rows;
}

const BATCH = 1_000;

// The owner's function deletes: the login of the reconciler cannot change or delete a row of the audit itself.
const pruneSql = `select converge.reconcile_audit_prune($1, $2) as removed`;

/** Removes audit rows older than `auditMs` in short transactions. Returns their number. */
export async function pruneAudit(executor: Executor, auditMs: number, signal: AbortSignal): Promise<number> {
  let total = 0;
  while (!signal.aborted) {
    const { rows } = await executor.query<{ removed: string }>(pruneSql, [auditMs, BATCH]);
    const removed = Number(rows[0]?.removed ?? 0);
    total += removed;
    if (removed < BATCH) break;
  }
  return total;
}
