import { ReconcileError } from '../errors.ts';

/** One side of a digest scan: a table, or a SELECT, of a Postgres database. */
export interface DigestSource {
  /** The table, such as `stock` or `shop.stock`. Give this or `select`. @default none */
  readonly table?: string;
  /** A SELECT without parameters that returns the columns named below. Give this or `table`. @default none */
  readonly select?: string;
  /** The column of the key, unique in the source. A key that occurs several times is compared as a whole. */
  readonly key: string;
  /**
   * The columns to compare, or their names in this source by the names that both sides share: `{ quantity: 'reserved' }`.
   * Order does not matter. Both sides must give the same names.
   */
  readonly columns: readonly string[] | Readonly<Record<string, string>>;
  /** A column that changes whenever the row does. If both sides have it, most passes hash only key and version. @default rows are hashed */
  readonly version?: string;
  /** The column of the last change, `timestamptz`. Younger rows than the settle window are compared later. @default none is younger */
  readonly updatedAt?: string;
}

/** A source with resolved names. `columns` are sorted by their shared names. */
export interface ResolvedSource {
  readonly from: string;
  readonly key: string;
  readonly columns: readonly string[];
  readonly version: string | undefined;
  readonly updatedAt: string | undefined;
}

/** Resolves and checks a source. Throws RECONCILER_INVALID. Pure. */
export function resolveSource(side: string, source: DigestSource): ResolvedSource {
  const { table, select, key, columns, version, updatedAt } = source;
  if ((table === undefined) === (select === undefined))
    throw digestInvalid(`${side} needs either \`table\` or \`select\``);
  return {
    from: table === undefined ? `(${withoutSemicolon(select ?? '')})` : quoteName(table),
    key: quote(key),
    columns: namesOf(columns).map(([, column]) => quote(column)),
    version: version === undefined ? undefined : quote(version),
    updatedAt: updatedAt === undefined ? undefined : quote(updatedAt),
  };
}

/** Checks that both sides compare the same columns. Throws RECONCILER_INVALID. Pure. */
export function checkSameColumns(
  desired: Pick<DigestSource, 'columns'>,
  actual: Pick<DigestSource, 'columns'>,
): void {
  const [ours, theirs] = [desired, actual].map(({ columns }) => namesOf(columns).map(([name]) => name));
  if (JSON.stringify(ours) === JSON.stringify(theirs)) return;
  throw digestInvalid(
    `desired has the columns ${ours?.join(', ')} and actual ${theirs?.join(', ')}; give both the same names, for example { quantity: 'reserved' }`,
  );
}

/** Pairs of shared name and column, sorted by the shared name, so that declared order does not matter. */
function namesOf(columns: DigestSource['columns']): readonly (readonly [string, string])[] {
  const pairs = Array.isArray(columns)
    ? (columns as readonly string[]).map((name) => [name, name] as const)
    : Object.entries(columns as Readonly<Record<string, string>>);
  return pairs.toSorted(([a], [b]) => (a < b ? -1 : 1));
}

export function digestInvalid(what: string): ReconcileError {
  return new ReconcileError(`digestScan: ${what}`, { code: 'RECONCILER_INVALID', category: 'configuration' });
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export function quoteName(name: string): string {
  return name.split('.').map(quote).join('.');
}

const withoutSemicolon = (select: string): string => select.trim().replace(/;$/, '');
