import type { Source } from '../process/specs.ts';
import type { Executors } from './sql-dump.ts';

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

/** The databases that reconcilers repair. */
const repaired = ['orders', 'inventory', 'payments'] as const satisfies readonly Source[];

const repairsSql = `
  select reconciler, key, before, after, why, extract(epoch from at) * 1000 as at
    from converge.reconcile_audit where verdict = 'repaired' order by id`;

/** Reads the repairs of every database that reconcilers repair. */
export async function repairsOf(databases: Executors): Promise<readonly Repair[]> {
  const repairs: Repair[] = [];
  for (const name of repaired) {
    const { rows } = await databases[name].executor.query<Repair & { at: string }>(repairsSql);
    repairs.push(...rows.map((row) => ({ ...row, at: Number(row.at) })));
  }
  return repairs;
}

/** Counts the repairs of every database that reconcilers repair. */
export async function countRepairs(databases: Executors): Promise<number> {
  const counts = await Promise.all(
    repaired.map(async (source) => {
      const { rows } = await databases[source].executor.query<{ n: string }>(
        `select count(*) as n from converge.reconcile_audit where verdict = 'repaired'`,
      );
      return Number(rows[0]?.n);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
