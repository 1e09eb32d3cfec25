import { databaseNames } from '../../demo/process/specs.ts';
import type { World } from '../../demo/world.ts';

/** A repair, as the audit of its database has it. */
export interface Repair {
  readonly reconciler: string;
  readonly key: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly why: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

const repairsSql = `
  select reconciler, key, before, after, why, extract(epoch from at) * 1000 as at
    from converge.reconcile_audit where verdict = 'repaired' order by id`;

/** Reads the repairs of every database that has an audit. */
export async function repairsOf(databases: World['databases']): Promise<readonly Repair[]> {
  const repairs: Repair[] = [];
  for (const name of databaseNames) {
    const { executor } = databases[name];
    const { rows: found } = await executor.query<{ audit: string | null }>(
      `select to_regclass('converge.reconcile_audit')::text as audit`,
    );
    if (found[0]?.audit === null) continue;
    const { rows } = await executor.query<Repair & { at: string }>(repairsSql);
    repairs.push(...rows.map((row) => ({ ...row, at: Number(row.at) })));
  }
  return repairs;
}
