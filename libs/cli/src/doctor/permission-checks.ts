import type { Executor } from '@converge/postgres';
import type { Finding } from '../findings.ts';

export interface Permissions {
  readonly role: string;
  /** What the relay needs and this role has not: `update on converge.lease`. */
  readonly missing: readonly string[];
  /** May see whose transaction is open, also when it is another role's. */
  readonly seesOthers: boolean;
}

// What the relay does with its tables, and nothing else: a role of its own needs no more. A privilege on a schema that
// cannot be entered is worth nothing, so that is asked as well.
const needs = [
  ['converge.outbox', 'select'],
  ['converge.source', 'select'],
  ['converge.tick', 'select'],
  ['converge.tick', 'insert'],
  ['converge.lease', 'insert'],
  ['converge.lease', 'update'],
  ['converge.relay_source', 'update'],
  ['converge.relay_topic', 'insert'],
  ['converge.relay_topic', 'update'],
  ['converge.relay_disowned', 'select'],
  ['converge.relay_cursor', 'insert'],
  ['converge.relay_cursor', 'update'],
  ['converge.outbox_limit', 'update'],
] as const;

const sql = `
  select current_user as role, pg_has_role('pg_read_all_stats', 'usage') as "seesOthers",
         array(select need.privilege || ' on ' || need.name
                 from unnest($1::text[], $2::text[]) as need (name, privilege)
                where not has_table_privilege(need.name, need.privilege)
                union all
               select 'usage on schema converge' where not has_schema_privilege('converge', 'usage')) as missing`;

/** Asks the catalog about the role that is connected; tries nothing. */
export async function readPermissions(executor: Executor): Promise<Permissions> {
  const { rows } = await executor.query<Permissions>(sql, [
    needs.map(([name]) => name),
    needs.map(([, privilege]) => privilege),
  ]);
  const [row] = rows;
  if (row === undefined) throw new Error('Postgres returned no row for the permissions of its own user');
  return row;
}

/** Pure. */
export function checkPermissions({ role, missing, seesOthers }: Permissions): readonly Finding[] {
  const check = 'permissions';
  const found: Finding[] = [];
  if (missing.length > 0)
    found.push({
      check,
      verdict: 'fail',
      text: `${role} lacks what a relay needs: ${missing.join(', ')}`,
      next: `grant it to ${role}, or run the relay as another role`,
    });
  if (!seesOthers)
    found.push({
      check,
      verdict: 'warn',
      text: `${role} cannot see the transactions of other roles: none of them would be named as what holds retention back`,
      next: `grant pg_monitor to ${role}`,
    });
  return found.length > 0 ? found : [{ check, verdict: 'ok', text: `${role} may do what a relay does` }];
}
