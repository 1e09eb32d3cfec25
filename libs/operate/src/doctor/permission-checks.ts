import type { Executor } from '@convergekit/postgres';
import type { Finding } from './finding.ts';
import { privilegesOf, roleSql } from '../roles/role-files.ts';

export interface Permissions {
  readonly role: string;
  /** The permissions that this role lacks for the relay, such as `update on converge.lease`. */
  readonly missing: readonly string[];
  /** True when the role may see the owners of other roles' transactions. */
  readonly seesOthers: boolean;
}

// The query includes schemas: a privilege in a schema that cannot be entered has no effect. Functions are checked by
// name, whatever their parameters; a missing one counts as missing permission.
const sql = `
  select current_user as role, pg_has_role('pg_read_all_stats', 'usage') as "seesOthers",
         array(select need.privilege || ' on ' || need.name
                 from unnest($1::text[], $2::text[], $3::text[]) as need (kind, name, privilege)
                where not case need.kind
                  when 'function' then coalesce((
                    select bool_and(has_function_privilege(p.oid, need.privilege))
                      from pg_proc p where p.pronamespace = 'converge'::regnamespace and 'converge.' || p.proname = need.name), false)
                  when 'sequence' then has_sequence_privilege(need.name, need.privilege)
                  else has_table_privilege(need.name, need.privilege) end
                union all
               select 'usage on schema converge' where not has_schema_privilege('converge', 'usage')) as missing`;

/** Asks the catalog about the role that is connected; tries nothing. */
export async function readPermissions(executor: Executor): Promise<Permissions> {
  const needs = privilegesOf(roleSql('relay'));
  const { rows } = await executor.query<Permissions>(sql, [
    needs.map(({ kind }) => kind),
    needs.map(({ name }) => name),
    needs.map(({ privilege }) => privilege),
  ]);
  const [row] = rows;
  if (row === undefined) throw new Error('Postgres returned no row for the permissions of its own user');
  return row;
}

/** Checks the permissions (pure). */
export function checkPermissions({ role, missing, seesOthers }: Permissions): readonly Finding[] {
  const check = 'permissions';
  const found: Finding[] = [];
  if (missing.length > 0)
    found.push({
      check,
      verdict: 'fail',
      text: `${role} lacks what a relay needs: ${missing.join(', ')}`,
      next: `as the owner: converge roles relay --to ${role} | psql`,
    });
  if (!seesOthers)
    found.push({
      check,
      verdict: 'warn',
      text: `${role} cannot see the transactions of other roles: none of them would be named as what holds retention back, and none that waits for a standby is counted`,
      next: `grant pg_monitor to ${role}`,
    });
  return found.length > 0 ? found : [{ check, verdict: 'ok', text: `${role} may do what a relay does` }];
}
