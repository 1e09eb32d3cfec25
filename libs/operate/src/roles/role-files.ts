import { readFileSync } from 'node:fs';
import { ownFolder } from '@convergekit/core/engine';

/** The duties for which a database role exists, each with a file of grants in `sql/roles`. */
export const DUTIES = ['writer', 'relay', 'consumer', 'reconciler', 'read', 'operator', 'migrator'] as const;
export type Duty = (typeof DUTIES)[number];

/** The SQL that makes the role `converge_<duty>` and grants it what its duty needs. Safe to repeat. */
export function roleSql(duty: Duty): string {
  return readFileSync(new URL(`roles/${duty}.sql`, ownFolder('operate', 'sql')), 'utf8');
}

/** A privilege on an object, as named by Postgres' `has_…_privilege` functions. */
export interface Privilege {
  readonly kind: 'table' | 'sequence' | 'function';
  /** The object, such as `converge.tick`. */
  readonly name: string;
  /** The privilege: `select`, `execute`, … */
  readonly privilege: string;
}

const STATEMENT = /^grant\s+(?<privileges>[^;]+?)\s+on\s+(?<objects>[^;]+?)\s+to\s+converge_\w+;/gm;

/**
 * Reads from a role file what `doctor` checks. Grants by column and on whole schemas are left out: the former are those of
 * writers, the latter those of readers.
 */
export function privilegesOf(sql: string): readonly Privilege[] {
  return [...sql.matchAll(STATEMENT)].flatMap(({ groups }) => {
    const { privileges = '', objects = '' } = groups ?? {};
    if (privileges.includes('(') || /^(all|schema)\b/.test(objects)) return [];
    const kind = /^(sequence|function)\s/.exec(objects)?.[1] ?? 'table';
    const names = list(objects.replace(/^(sequence|function)\s+/, ''));
    return names.flatMap((name) =>
      list(privileges).map((privilege) => ({ kind: kind as Privilege['kind'], name, privilege })),
    );
  });
}

function list(text: string): readonly string[] {
  return text.split(',').map((part) => part.trim());
}
