import { command } from '../../frame/command.ts';
import { anyArguments, text } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { DUTIES, type Duty, roleSql } from '@convergekit/operate';

/** Prints the SQL that creates the duties' roles and grants them to a login. The command connects to nothing. */
export const rolesCommand = command({
  name: 'roles',
  summary:
    'print the SQL of database roles with the least rights: pipe it to psql, as the owner of the tables',
  args: { duties: anyArguments('the duties of the roles (default: all)', DUTIES) },
  flags: { to: text('login', 'also grant the roles to this login') },
  run: (_context, { duties: named, to }) => {
    const duties = named.length === 0 ? DUTIES : named;
    const grants = to === undefined ? [] : duties.map((duty) => grantSql(duty, to));
    // In one transaction: a process that works meanwhile misses no right.
    const sql = ['begin;', ...duties.map(roleSql), ...grants, 'commit;'].join('\n');
    return Promise.resolve(result({ duties, sql }, () => sql.trimEnd().split('\n')));
  },
});

/**
 * Grants the role of a duty to a login, which has its rights without SET ROLE, even if the login is one that does not inherit.
 * Before version 16 a grant does not say that.
 */
function grantSql(duty: Duty, login: string): string {
  const grant = `grant converge_${duty} to "${login.replaceAll('"', '""')}"`;
  const inherited = `'${grant.replaceAll("'", "''")} with inherit true'`;
  return `${grant};
do $inherit$ begin if current_setting('server_version_num')::int >= 160000 then execute ${inherited}; end if; end $inherit$;`;
}
