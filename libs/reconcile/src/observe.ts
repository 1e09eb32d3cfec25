import { isDeepStrictEqual } from 'node:util';
import type { Kysely } from 'kysely';
import type { Databases } from './definition.ts';
import type { Reconciler } from './reconciler.ts';

export type Observation =
  | { readonly kind: 'changed' }
  | { readonly kind: 'stale' }
  | { readonly kind: 'read'; readonly desired: unknown; readonly actual: unknown; readonly drift: unknown };

/**
 * Reads desired, actual, and desired again.
 * The second read is required: without it a repair towards v1 could succeed after v2 was applied, although the version
 * check held.
 */
export async function observe(
  reconciler: Reconciler,
  key: string,
  databases: Databases<unknown, unknown>,
  lastVersionWritten: bigint | null,
): Promise<Observation> {
  const desired = await reconciler.desired.read(key, databases.desired);
  const actual = await readActual(reconciler, key, databases.actual);
  if (isStale(reconciler, actual, lastVersionWritten)) return { kind: 'stale' };
  const again = await reconciler.desired.read(key, databases.desired);
  if (!isDeepStrictEqual(desired, again)) return { kind: 'changed' };
  return { kind: 'read', desired, actual, drift: reconciler.compare(desired, actual) };
}

export function readActual(reconciler: Reconciler, key: string, db: Kysely<unknown>): Promise<unknown> {
  return reconciler.actual.read(key, db);
}

export function versionOf(reconciler: Reconciler, actual: unknown): bigint | null {
  if (actual === null || reconciler.actual.version === undefined) return null;
  return BigInt(reconciler.actual.version(actual));
}

function isStale(reconciler: Reconciler, actual: unknown, lastVersionWritten: bigint | null): boolean {
  const version = versionOf(reconciler, actual);
  return version !== null && lastVersionWritten !== null && version < lastVersionWritten;
}
