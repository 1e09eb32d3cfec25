import { createHash } from 'node:crypto';

/** Encodes database values as canonical JSON: bigint as digits, bytes as hex, sorted keys. Equal states give equal text. */
export function toJson(value: unknown): string {
  return JSON.stringify(canonicalize(value ?? null));
}

/** Hashes a drift; equal drifts have equal hashes. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(toJson(value)).digest('hex').slice(0, 32);
}

function canonicalize(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(canonicalize);
  if (value instanceof Map) return canonicalize(Object.fromEntries(value));
  if (value instanceof Set) return [...value].map(canonicalize);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, part]) => part !== undefined);
  return Object.fromEntries(
    entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, part]) => [name, canonicalize(part)]),
  );
}
