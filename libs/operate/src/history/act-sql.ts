import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import { type AuditRow, readActsOn } from '../audit/audit-sql.ts';
import { actsIn, type Scope } from './acts.ts';

/** An act of an operator, as an entry of a story. */
export interface StoredAct extends AuditRow {
  readonly kind: 'act';
}

/** A repair by a reconciler, or a verdict of it that was no repair. */
export interface StoredRepair {
  readonly kind: 'repair';
  readonly at: string;
  readonly id: string;
  readonly reconciler: string;
  readonly key: string;
  readonly verdict: string;
  readonly why: string;
  readonly cause: string;
  readonly actor: string;
}

/** Reads the acts of operators that belong to a story, and what reconcilers recorded of its keys since it began. */
export async function readActsAndRepairs(
  executor: Executor,
  scope: Scope,
  keys: readonly string[],
): Promise<readonly (StoredAct | StoredRepair)[]> {
  const acts = await readActsOn(executor, [...scope.own, ...scope.shared]);
  const since = Number.isFinite(scope.from) ? new Date(scope.from) : undefined;
  return [
    ...actsIn(scope, acts).map((row) => ({ kind: 'act' as const, ...row })),
    ...(since === undefined ? [] : await readRepairs(executor, keys, since)),
  ];
}

/** The repairs of one key by one reconciler that a story shows. */
const MOST = 50;

// One look into reconcile_audit_key for each reconciler and key.
const repairsSql = `
  select json_build_object('kind', 'repair', 'at', a.at, 'id', a.id::text, 'reconciler', a.reconciler, 'key', a.key,
           'verdict', a.verdict, 'why', a.why, 'cause', a.cause, 'actor', a.actor) as stored
    from converge.reconciler r cross join unnest($1::text[]) named (key)
    cross join lateral (select * from converge.reconcile_audit
      where reconciler = r.name and reconcile_audit.key = named.key and at >= $2 order by id limit ${MOST}) a
   order by a.at, a.id`;

/** Reads what reconcilers of this database recorded of these keys since a moment. None where it has no reconcilers. */
async function readRepairs(
  executor: Executor,
  keys: readonly string[],
  since: Date,
): Promise<readonly StoredRepair[]> {
  if (keys.length === 0 || !(await hasTables(executor, 'converge.reconcile_audit'))) return [];
  const { rows } = await executor.query<{ stored: StoredRepair }>(repairsSql, [keys, since]);
  return rows.map(({ stored }) => stored);
}
