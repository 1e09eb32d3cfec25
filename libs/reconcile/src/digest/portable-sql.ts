import { encodeSql } from './encode-sql.ts';
import type { KnownSource } from './hash-sql.ts';

/**
 * The portable hash: the first 15 hexadecimal digits of an MD5, as a number of 60 bits that is positive in every engine.
 * A row's text has its key and its columns, in the order of their names, joined by `|`; in values `\` is written `\\`, `|` is
 * written `\|`, and NULL is `\N`. The digest guide has the same in the SQL of other engines.
 */
const number = (hex: string): string => `('x0' || ${hex})::bit(64)::bigint`;
const escaped = (text: string): string =>
  `coalesce(replace(replace(${text}, '\\', '\\\\'), '|', '\\|'), '\\N')`;

/**
 * Encodes a moment in ISO 8601. Infinite ones are `infinity` and `-infinity`, and the year 44 BC is `-43`, as DuckDB has them:
 * to_char alone has nothing for the former, and the year without its sign for the latter.
 */
function momentText(moment: string, zone: string): string {
  const rest = `to_char(${moment}, '-MM-DD"T"HH24:MI:SS.US"${zone}"')`;
  const year = `extract(year from ${moment})`;
  return `case when not isfinite(${moment}) then (${moment})::text
      when ${year} < 0 then case ${year} when -1 then '0000' else (${year} + 1)::text end || ${rest}
      else to_char(${moment}, 'YYYY') || ${rest} end`;
}

/** Encodes a value as any engine can: decimal digits, ISO times in UTC, lower-case hexadecimal bytes. */
function portableText(column: string, type: string | undefined): string {
  switch (type) {
    case 'timestamptz':
      return momentText(`(${column} at time zone 'UTC')`, 'Z');
    case 'timestamp':
      return momentText(column, '');
    case 'bytea':
      return `encode(${column}, 'hex')`;
    default:
      return `(${encodeSql(column, type)})::text`;
  }
}

const utf8 = (text: string): string => `convert_to(${text}, 'UTF8')`;

function parts(source: KnownSource): { readonly key: string; readonly row: string } {
  const text = (name: string): string => portableText(`s.${name}`, source.types.get(name));
  const key = text(source.key);
  const columns = source.columns.map((name) => escaped(text(name)));
  return { key, row: `concat_ws('|', ${[escaped(key), ...columns].join(', ')})` };
}

const MEASURES = `count(*)::text as rows, bit_xor(${number('left(h, 15)')})::text as xor, sum(${number('substr(h, 17, 15)')})::text as sum`;

/** Digests of buckets: the first `digits` digits of the MD5 of the key. One row for each bucket that has rows. */
export function portableDigestsSql(source: KnownSource, digits: number): string {
  const { key, row } = parts(source);
  return `select b as bucket, ${MEASURES} from (
    select left(md5(${utf8(key)}), ${digits}) as b, md5(${utf8(row)}) as h from ${source.from} as s offset 0) as t
    group by b`;
}

/** Keys of the buckets $2 with the digest of their rows. `newer`: a row changed at or after $1, the time of the other side's digest. */
export function portableKeysSql(source: KnownSource, digits: number): string {
  const { key, row } = parts(source);
  const { updatedAt } = source;
  const newer = updatedAt === undefined ? 'false' : `coalesce(s.${updatedAt} >= $1::timestamptz, false)`;
  return `select k as key, b as bucket, ${MEASURES}, bool_or(newer) as newer from (
    select ${key} collate "C" as k, left(md5(${utf8(key)}), ${digits}) as b, md5(${utf8(row)}) as h, ${newer} as newer
      from ${source.from} as s where left(md5(${utf8(key)}), ${digits}) = any($2::text[]) and $1::timestamptz is not null offset 0) as t
    group by k, b`;
}

/** Reads a digest table. */
export function digestTableSql(table: string): string {
  return `select bucket, rows::text as rows, xor::text as xor, sum::text as sum, as_of::text as as_of,
    extract(epoch from clock_timestamp() - as_of) * 1000 as age_ms from ${table}`;
}
