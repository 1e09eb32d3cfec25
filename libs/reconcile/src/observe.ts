import { isDeepStrictEqual } from 'node:util';
import type { Kysely } from 'kysely';
import type { Failure } from '@convergekit/core';
import { classify } from '@convergekit/resilience';
import type { Outcome } from './claim.ts';
import type { Databases, Side } from './definition.ts';
import { ReconcileError } from './errors.ts';
import type { Arrived } from './in-flight/check-arrival.ts';
import type { Reconciler } from './reconciler.ts';
import { hasFields, withoutFields } from './verdict/fields.ts';
import { judge, type JudgedDrift } from './verdict/modes.ts';

export type Observation =
  { readonly kind: 'changed' } | { readonly kind: 'stale' } | Extract<Outcome, { kind: 'unknown' }> | Read;

export interface Read {
  readonly kind: 'read';
  readonly desired: unknown;
  readonly actual: unknown;
  /** null = both sides agree. */
  readonly judged: JudgedDrift | null;
  /** The events of the key that were handled before actual was read; only where the reconciler has `inFlight`. */
  readonly arrived?: Arrived;
}

/** Reads each side once. What it finds may be due to a change that came between both reads: see `confirm`. */
export function glance(...look: Look): Promise<Observation> {
  return readable(async () => {
    const [reconciler, key, databases, lastVersionWritten] = look;
    const desired = await readSide('desired', reconciler.desired, key, databases.desired);
    const actual = await readSide('actual', reconciler.actual, key, databases.actual);
    if (isStale(reconciler, actual, lastVersionWritten)) return { kind: 'stale' };
    return { kind: 'read', desired, actual, judged: judge(reconciler, desired, actual) };
  });
}

/**
 * Reads desired again.
 * It is required before a repair: without it a repair towards v1 could succeed after v2 was applied, although the version
 * check held.
 */
export function confirm(seen: Read, ...[reconciler, key, databases]: Look): Promise<Observation> {
  return readable(async () => {
    const again = await readSide('desired', reconciler.desired, key, databases.desired);
    const compared = (state: unknown): unknown =>
      withoutFields(state, (field) => reconciler.ignore.includes(field));
    return isDeepStrictEqual(compared(seen.desired), compared(again)) ? seen : { kind: 'changed' };
  });
}

/** Reads desired, actual, and desired again. */
export async function observe(...look: Look): Promise<Observation> {
  const seen = await glance(...look);
  return seen.kind === 'read' ? confirm(seen, ...look) : seen;
}

/** What is looked at; the version of actual that the last repair of the key wrote makes an older one stale. */
export type Look = readonly [
  reconciler: Reconciler,
  key: string,
  databases: Databases<unknown, unknown>,
  lastVersionWritten: bigint | null,
];

/** Makes an observation unknown if a side cannot be read. */
async function readable(read: () => Promise<Observation>): Promise<Observation> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof UnreadableSide) return { kind: 'unknown', side: error.side, failure: error.failure };
    throw error;
  }
}

export function readActual(reconciler: Reconciler, key: string, db: Kysely<unknown>): Promise<unknown> {
  return reconciler.actual.read(key, db);
}

/** Returns the version of a state of actual; null = there is no row, or the reconciler declares no version. */
export function versionOf(
  { name, version: declared }: Pick<Reconciler, 'name' | 'version'>,
  state: unknown,
): bigint | null {
  // A declared name is a field of the state, although the loops do not know the state's type.
  const version = declared as string | ((state: unknown) => bigint | number) | undefined;
  if (state === null || version === undefined) return null;
  if (typeof version === 'function') return BigInt(version(state));
  const value = hasFields(state) ? state[version] : undefined;
  if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'string')
    return BigInt(value);
  throw new ReconcileError(
    `reconciler ${name}: version names the field ${version}, and the state has none: let actual.read return it`,
    { code: 'RECONCILER_INVALID', category: 'configuration' },
  );
}

/** Ends an observation whose side could not be read. */
class UnreadableSide extends Error {
  readonly side: 'desired' | 'actual';
  readonly failure: Failure;

  constructor(side: 'desired' | 'actual', cause: unknown) {
    super(`${side} could not be read`, { cause });
    this.side = side;
    this.failure = classify(cause);
  }
}

async function readSide(
  name: 'desired' | 'actual',
  side: Side<unknown, unknown>,
  key: string,
  db: Kysely<unknown>,
): Promise<unknown> {
  try {
    return await side.read(key, db);
  } catch (error) {
    throw new UnreadableSide(name, error);
  }
}

function isStale(reconciler: Reconciler, actual: unknown, lastVersionWritten: bigint | null): boolean {
  const version = versionOf(reconciler, actual);
  return version !== null && lastVersionWritten !== null && version < lastVersionWritten;
}
