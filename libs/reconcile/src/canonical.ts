import { createHash } from 'node:crypto';

/** JSON of what a database gave: bigint as digits, bytes as hex, object keys sorted, so that equal states have equal text. */
export function toJson(value: unknown): string {
  return JSON.stringify(plain(value ?? null));
}

/** Equal drifts have equal hashes. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(toJson(value)).digest('hex').slice(0, 32);
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return plain(Object.fromEntries(value));
  if (value instanceof Set) return [...value].map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, part]) => part !== undefined);
  return Object.fromEntries(
    entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, part]) => [name, plain(part)]),
  );
}
