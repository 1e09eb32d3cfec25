import type { CompiledQuery } from 'kysely';

/**
 * Returns one statement as Kysely's connections and executors take it. Kysely itself is not loaded: a service that only
 * emits with its own client does not need it.
 */
export function rawQuery(sql: string, parameters: readonly unknown[] = []): CompiledQuery {
  const query = { kind: 'RawNode', sqlFragments: [sql], parameters: [] } as const;
  return Object.freeze({ sql, query, parameters: Object.freeze(parameters), queryId: { queryId: '' } });
}
