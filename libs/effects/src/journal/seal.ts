import { hash } from 'node:crypto';

/**
 * The seal of a row of a journal: SHA-256 over its parts as JSON, of which the first is the seal of the row before. So the last
 * seal covers the whole journal. Seals have no key: a writer that computes them as well is not found.
 */
export function sealOf(parts: readonly (string | number | null)[]): string {
  return hash('sha256', JSON.stringify(parts), 'hex');
}

/** The same as SQL, over expressions of type text: for rows whose values the writing statement makes. */
export function sealSql(parts: readonly string[]): string {
  return `converge.saga_seal(array[${parts.join(', ')}])`;
}
