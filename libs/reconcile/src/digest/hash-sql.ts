import { type ColumnTypes, encodeSql, utf8Sql } from './encode-sql.ts';
import { isEverything, type Prefix, type Run, runsOf } from './prefix.ts';
import type { ResolvedSource } from './side.ts';

/** A source whose column types and encoding are known. */
export interface KnownSource extends ResolvedSource {
  readonly types: ColumnTypes;
  readonly encoding: string;
}

export type HashMode = 'full' | 'version';

const column = (name: string): string => `s.${name}`;
const encoded = (source: KnownSource, name: string): string =>
  encodeSql(column(name), source.types.get(name));

function keyTextSql(source: KnownSource): string {
  return `(${encoded(source, source.key)})::text`;
}

/**
 * The hash of the key. The same expression must be indexed: `create index on t (hashtextextended(key::text collate "C", 0))`.
 * Collation C hashes the bytes, whatever the column's collation.
 */
function keyHashSql(source: KnownSource): string {
  return `hashtextextended(${utf8Sql(keyTextSql(source), source.encoding)} collate "C", 0)`;
}

// The text of a record quotes its fields: NULL differs from an empty string, and no separator can be imitated.
function rowTextSql(source: KnownSource, mode: HashMode): string {
  const version = source.version === undefined ? [] : [source.version];
  const columns = mode === 'version' ? version : [...source.columns, ...version];
  const fields = [keyTextSql(source), ...columns.map((name) => encoded(source, name))];
  return `${utf8Sql(`row(${fields.join(', ')})::text`, source.encoding)} collate "C"`;
}

// Three measures of a set of rows; sum() of bigint is an exact numeric. XOR alone misses a row that occurs three times, a count alone misses a changed row.
const MEASURES = `count(*)::text as rows, bit_xor(hashtextextended(r, 0))::text as xor, sum(hashtextextended(r, 1))::text as sum`;

export function runSql(hash: string, { lo, hi }: Run): string {
  const from = `${hash} >= '${lo}'::bigint`;
  return hi === null ? from : `${from} and ${hash} < '${hi}'::bigint`;
}

const bucketSql = (source: KnownSource, bits: number): string => `${keyHashSql(source)} >> ${64 - bits}`;

/** With more runs than this, one look at every key is cheaper than so many reads of the index. */
const MOST_RUNS = 128;

function inPrefixes(source: KnownSource, prefixes: readonly Prefix[]): string {
  const runs = runsOf(prefixes);
  if (runs.some(isEverything)) return 'true';
  if (runs.length > MOST_RUNS) {
    const indexes = prefixes.map(({ index }) => index).join(',');
    return `(${bucketSql(source, prefixes[0]?.bits ?? 0)}) = any('{${indexes}}'::bigint[])`;
  }
  return runs.map((run) => `(${runSql(keyHashSql(source), run)})`).join(' or ');
}

// OFFSET 0 has the row's text built once, not once for each measure. One statement reads its rows once, and returns one
// row for each range that has rows. Plan: the whole table in its order, or the index of the key's hash for some ranges.
function groupedSql(source: KnownSource, bits: number, mode: HashMode, where: string): string {
  return `select b::text as range, ${MEASURES} from (
    select ${bucketSql(source, bits)} as b, ${rowTextSql(source, mode)} as r from ${source.from} as s where ${where} offset 0) as t
    group by b`;
}

/** Digests of ranges, each of `bits` bits, within `prefixes`. */
export function digestsSql(
  source: KnownSource,
  prefixes: readonly Prefix[],
  bits: number,
  mode: HashMode,
): string {
  return groupedSql(source, bits, mode, inPrefixes(source, prefixes));
}

// Plan: the index of the key's hash. The planner would look up every element of an array that it can see.
const isReported = (source: KnownSource): string =>
  `${keyHashSql(source)} = any((select $1::bigint[])::bigint[])`;

/** Digests by range of the rows whose key hashes are in $1. */
export function digestsOfSql(source: KnownSource, bits: number): string {
  return groupedSql(source, bits, 'full', isReported(source));
}

function listedSql(source: KnownSource, settleMs: number, where: string): string {
  const { updatedAt } = source;
  const hot =
    updatedAt === undefined
      ? 'false'
      : `coalesce(${column(updatedAt)} > clock_timestamp() - ${settleMs} * interval '1 millisecond', false)`;
  return `select k as key, min(h)::text as hash, ${MEASURES}, bool_or(hot) as hot from (
    select ${keyTextSql(source)} collate "C" as k, ${keyHashSql(source)} as h, ${rowTextSql(source, 'full')} as r, ${hot} as hot
      from ${source.from} as s where ${where} offset 0) as t
    group by k`;
}

/** Keys with the digest of their rows, of the ranges `prefixes`. */
export function keysSql(source: KnownSource, prefixes: readonly Prefix[], settleMs: number): string {
  return listedSql(source, settleMs, inPrefixes(source, prefixes));
}

/** Keys with the digest of their rows, of the ranges $2 of `bits` bits, whose hashes are in $1. */
export function keysOfSql(source: KnownSource, bits: number, settleMs: number): string {
  const where = `${isReported(source)} and (${bucketSql(source, bits)}) = any($2::bigint[])`;
  return listedSql(source, settleMs, where);
}

/** The types of the columns that are hashed, without reading a row. Domains are followed to their base type. */
export function typesSql({ from, key, columns, version, updatedAt }: ResolvedSource): string {
  const names = [key, ...columns, ...[version, updatedAt].filter((name) => name !== undefined)];
  const values = names.map(
    (name) =>
      `('${name.replaceAll("'", "''")}', pg_typeof((select s.${name} from ${from} as s limit 0))::oid)`,
  );
  return `with recursive named (name, type) as (
      select * from (values ${values.join(', ')}) as given
      union all select n.name, t.typbasetype from named n join pg_catalog.pg_type t on t.oid = n.type where t.typtype = 'd')
    select n.name, t.typname as type, getdatabaseencoding() as encoding
      from named n join pg_catalog.pg_type t on t.oid = n.type where t.typtype <> 'd'`;
}

/** The planner's estimate of a source's rows. */
export function estimateSql({ from }: ResolvedSource): string {
  return `explain (format json) select from ${from} as s`;
}
