import type { NamedExecutor } from '../scans/scan-outbox.ts';
import { type AttentionBounds, type Checked, dated, type Examination, run } from './checks.ts';
import type { FoundCondition } from './found.ts';
import { databaseChecks } from './registry.ts';
import { migrations, server } from './source.ts';

/** The conditions in which nothing else can be read, or would hold locks that others wait for. */
const BLIND: ReadonlySet<string> = new Set(['commits_wait', 'migrations_missing']);

/** What the checks found in one database. */
export interface Examined {
  readonly checked: readonly Checked[];
  /** By the database's clock. */
  readonly now: number;
  /** The condition in which nothing more was looked at. */
  readonly blind: string | undefined;
}

/**
 * Runs all checks on one database; it changes nothing. Home, doctor and map are made from what it returns.
 * Throws where the login may read none of the kit's tables: then nothing is known of this database.
 */
export async function examine(given: Examination): Promise<Examined> {
  const of = await dated(given);
  const checked: Checked[] = [];
  for (const first of [server, migrations]) {
    const found = await first.find(of);
    checked.push({ check: first, found });
    const blind = found.find(({ alarm }) => BLIND.has(alarm))?.alarm;
    if (blind !== undefined) return { checked, now: of.now, blind };
  }
  const others = databaseChecks.filter((check) => check !== server && check !== migrations);
  checked.push(...(await Promise.all(others.map((check) => run(check, of)))));
  return { checked, now: of.now, blind: undefined };
}

/** What needs an operator or is late; a note is a line of the doctor. */
export type AttentionItem = FoundCondition & { readonly severity: 'act' | 'watch' };

export const isItem = <One extends FoundCondition>(one: One): one is One & AttentionItem =>
  one.severity !== 'note';

/** What needs an operator in one database, and the checks that its login may not make: of those nothing is known. */
export interface Attention {
  readonly items: readonly AttentionItem[];
  readonly unchecked: readonly string[];
}

/** Reads what needs an operator in one database. `all`: the databases whose consumers may lag behind this one. */
export async function readAttention(
  one: NamedExecutor,
  all: readonly NamedExecutor[],
  bounds: AttentionBounds,
): Promise<Attention> {
  const { checked } = await examine({ one, all, bounds });
  return {
    items: checked.flatMap(({ found }) => found ?? []).filter(isItem),
    unchecked: checked.flatMap(({ check, found }) => (found === undefined ? [check.name] : [])),
  };
}
