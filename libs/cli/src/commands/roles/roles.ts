import type { CommandContext } from '../../frame/context.ts';
import { DUTIES, type Duty, roleSql } from './role-files.ts';

export interface RolesFlags {
  readonly to?: string;
}

/** Prints the SQL that makes the roles of the given duties, and grants them to a login. Connects to nothing. */
export function printRoles({ output }: CommandContext, names: readonly Duty[], { to }: RolesFlags): boolean {
  const duties = names.length === 0 ? DUTIES : names;
  const grants = to === undefined ? [] : duties.map((duty) => `grant converge_${duty} to ${quoted(to)};`);
  const sql = [...duties.map(roleSql), ...grants].join('\n');
  output.result({ duties, sql }, () => [sql.trimEnd()]);
  return true;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
