import type { Executor } from '@convergekit/postgres';

/** A row of the audit of repairs: a repair, or a verdict that was no repair. States are JSON values. */
export interface AuditEntry {
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
