/** The type of a column, as Postgres names it without its modifiers. Domains are resolved. */
export type ColumnTypes = ReadonlyMap<string, string>;

/**
 * Encodes a column so that equal values have equal texts in every database. Pure.
 * The session pins the formats of times, intervals, bytes and floats. Numbers within JSON and arrays, intervals and
 * case-insensitive text are compared as they are written.
 */
export function encodeSql(column: string, type: string | undefined): string {
  switch (type) {
    case 'numeric':
      return `trim_scale(${column})`; // 1.0 and 1.00 are equal
    case 'money':
      return `trim_scale(${column}::numeric)`; // its text depends on lc_monetary
    case 'float4':
    case 'float8':
      return `(${column} + 0::${type})`; // -0 and 0 are equal
    case 'timestamptz':
      return `timestamptz_send(${column})`; // its microseconds: a third of the time that its text takes
    case 'bpchar':
      return `${column}::text`; // without its padding
    case 'json':
      return `${column}::jsonb`; // without the order of its keys
    default:
      return column;
  }
}

/** Encodings whose texts are hashed as they are. The text of any other one is hashed by its bytes in UTF-8. */
const AS_THEY_ARE = ['UTF8', 'SQL_ASCII'];

/** Returns a text with the bytes of UTF-8 in a database of another encoding. */
export function utf8Sql(text: string, encoding: string): string {
  if (AS_THEY_ARE.includes(encoding)) return text;
  return `convert_from(convert_to(${text}, 'UTF8'), '${encoding.replaceAll("'", '')}')`;
}
