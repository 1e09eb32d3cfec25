import type { Executor } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import { DUTIES, type Duty, roleSql } from '../roles/role-files.ts';

const usedSql = `
  select duty from unnest($1::text[]) duty join pg_roles on rolname = 'converge_' || duty
   where has_schema_privilege(rolname, 'converge', 'usage')`;

/** What became of the grants of a duty. */
export interface Renewal {
  readonly duty: Duty;
  /** Why they were not renewed. */
  readonly refused?: string;
}

/**
 * Renews the grants of each duty whose role has rights in this database, so that new tables have them before the new code
 * starts. Roles are not made here: that is `converge roles`, by a login that may create them.
 */
export async function renewGrants(executor: Executor): Promise<readonly Renewal[]> {
  const { rows } = await executor.query<{ duty: Duty }>(usedSql, [DUTIES]);
  const renewed: Renewal[] = [];
  for (const { duty } of rows) renewed.push(await renew(executor, duty));
  return renewed;
}

async function renew(executor: Executor, duty: Duty): Promise<Renewal> {
  try {
    await executor.query(grantsOf(roleSql(duty)));
    return { duty };
  } catch (error) {
    if (sqlState(error) !== '42501') throw error;
    return { duty, refused: error instanceof Error ? error.message : String(error) };
  }
}

/** The statements of a role file that the owner of the tables may run without the right to create or to grant roles. Pure. */
function grantsOf(sql: string): string {
  return sql
    .split('\n')
    .filter((line) => !/^do \$\$ begin create role |^grant converge_/.test(line))
    .join('\n');
}
