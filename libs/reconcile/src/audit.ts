import type { Executor } from '@convergekit/postgres';
import { toJson } from './canonical.ts';

export interface AuditEntry {
  readonly reconciler: string;
  readonly key: string;
  readonly desired: unknown;
  readonly before: unknown;
  readonly after: unknown;
  readonly drift: unknown;
  readonly why: string;
  readonly cause: string;
  readonly actor: string;
  readonly term: bigint;
}

const insertSql = `
  insert into converge.reconcile_audit (reconciler, key, desired, before, after, drift, why, cause, actor, term)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`;

export async function writeAudit(tx: Executor, entry: AuditEntry): Promise<void> {
  const { reconciler, key, desired, before, after, drift, why, cause, actor, term } = entry;
  const states = [desired, before, after, drift].map(toJson);
  await tx.query(insertSql, [reconciler, key, ...states, why, cause, actor, term.toString()]);
}
