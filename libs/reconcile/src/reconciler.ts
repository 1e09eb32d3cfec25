import type { ReconcilerDefinition, Side } from './definition.ts';
import type { Kysely } from 'kysely';
import { type DeclarationFault, ReconcileError } from './errors.ts';
import { resolveSchedule, type Schedule, scheduleFault } from './schedule/schedule.ts';
import { mayRepair, MODES } from './verdict/modes.ts';

const limits = { repairs: 100, share: 0.02, always: 20, windowMs: 3_600_000, repairsPerKey: 5 } as const;
const timing = {
  settleMs: 5_000,
  quietMs: 500,
  maxWaitMs: 5_000,
  backoff: { baseMs: 500, factor: 2, capMs: 60_000 },
  readMs: 30_000,
} as const;

type Definition = { readonly name: string } & ReconcilerDefinition<
  unknown,
  unknown,
  unknown,
  unknown,
  unknown
>;

/** A reconciler with resolved defaults, frozen. Its types are in the definition; the loops do not need them. */
export interface Reconciler extends Omit<
  Definition,
  'limits' | 'timing' | 'mode' | 'modes' | 'ignore' | 'unguarded' | 'schedule' | 'timeZone'
> {
  /** The times of its runs; undefined: it runs for reports and requests only. */
  readonly schedule: Schedule | undefined;
  /** The reaction to drift. */
  readonly mode: NonNullable<Definition['mode']>;
  /** The modes of single fields, where they differ from `mode`. */
  readonly modes: NonNullable<Definition['modes']>;
  /** Fields whose difference is no drift. */
  readonly ignore: NonNullable<Definition['ignore']>;
  /** True where repairs may change rows whose version was not compared. */
  readonly unguarded: boolean;
  /** The limits beyond which it stops to repair. */
  readonly limits: Required<NonNullable<Definition['limits']>>;
  /** The waits before a key is compared, repaired and tried again. */
  readonly timing: Required<NonNullable<Definition['timing']>>;
}

/** The name of a database; without its tables the text that the compiler then shows. */
type DatabaseName<DB> = [DB] extends [never]
  ? 'declare the tables of this database: from<OrdersDb>(…)'
  : string;

/** Names a database; `DB` is its tables. `read` completes the side, and the types of its rows come from what it returns. */
interface From<DB> {
  /** Reads the current state of a key from the primary; null or undefined = the key does not exist there. */
  read<State>(
    read: (key: string, db: Kysely<DB>) => Promise<State | null | undefined>,
  ): Side<DB, NonNullable<State>>;
}

/**
 * Begins one side of a comparison: its database, by the name under which the service or `CONVERGE__DATABASES__…` has it.
 * @example
 * ```ts
 * import { from } from 'convergekit';
 *
 * const wanted = from<{ wanted: { sku: string; quantity: number } }>('orders').read((sku, db) =>
 *   db.selectFrom('wanted').selectAll().where('sku', '=', sku).executeTakeFirst(),
 * );
 * ```
 */
export function from<DB = never>(database: DatabaseName<DB>): From<DB> {
  return {
    read: (read) => ({
      madeBy: 'from',
      in: database,
      read: async (key, db) => (await read(key, db)) ?? null,
    }),
  };
}

/** The sentence that the compiler shows at a comparison that answers yes or no: also its "no" would count as drift. */
type Compared<Drift> = [Drift] extends [never]
  ? unknown
  : unknown extends Drift
    ? unknown
    : [Drift] extends [boolean]
      ? DriftOrNull
      : undefined extends Drift
        ? DriftOrNull
        : unknown;

interface DriftOrNull {
  readonly compare: 'compare returns the drift that the repair needs, or null where both sides agree';
}

/**
 * Declares a reconciler. Its types come from its sides, so declare `compare` before what takes a drift. Throws RECONCILER_INVALID with field, value and fix.
 * @param name lower-case letters, digits and dashes, at most 63: it names the queue, the lease and the metrics
 * @example
 * ```ts
 * import { defineReconciler, from } from 'convergekit';
 * import { allSkus, type OrdersDb, type ShopDb } from './shop.ts';
 *
 * export const stock = defineReconciler('stock', {
 *   keys: { scan: allSkus },
 *   desired: from<OrdersDb>('orders').read((sku, db) =>
 *     db.selectFrom('wanted').selectAll().where('sku', '=', sku).executeTakeFirstOrThrow()),
 *   actual: from<ShopDb>('shop').read((sku, db) =>
 *     db.selectFrom('stock').selectAll().where('sku', '=', sku).executeTakeFirstOrThrow()),
 *   version: 'version',
 *   compare: (wanted, row) => (wanted?.pieces === row?.reserved ? null : { reserved: wanted?.pieces ?? 0 }),
 *   repair: (set, { key, guard }) => guard.update('stock', { key: { sku: key }, version: 'version', set }),
 * });
 * ```
 */
export function defineReconciler<DesiredDb, Desired, ActualDb, Actual, Drift>(
  name: string,
  definition: ReconcilerDefinition<DesiredDb, Desired, ActualDb, Actual, Drift> & Compared<Drift>,
): Reconciler {
  // Type-safe in effect: the loops pass a definition only its own databases, states and drifts.
  const erased = { ...definition, name } as unknown as Definition;
  const { timeZone, ...rest } = erased;
  const reconciler: Reconciler = Object.freeze({
    ...rest,
    schedule: resolveSchedule(erased.name, erased.schedule, timeZone),
    mode: erased.mode ?? 'observe',
    modes: Object.freeze({ ...erased.modes }),
    ignore: erased.ignore ?? [],
    unguarded: erased.unguarded ?? false,
    limits: Object.freeze({ ...limits, ...erased.limits }),
    timing: Object.freeze({ ...timing, ...erased.timing }),
  });
  check(reconciler);
  return reconciler;
}

function check(reconciler: Reconciler): void {
  const { name, schedule, limits, timing, inFlight } = reconciler;
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name))
    throw invalid(name, 'name', name, 'use lower-case letters, digits and dashes, at most 63');
  const fault = faultOfRepairs(reconciler) ?? (schedule && scheduleFault(schedule));
  if (fault !== undefined) throw invalid(name, fault.field, fault.value, fault.fix);
  // A plain object has not been seen by the compiler, such as from JavaScript.
  for (const side of ['desired', 'actual'] as const)
    if ((reconciler[side] as Partial<Side<unknown, unknown>> | undefined)?.madeBy !== 'from')
      throw invalid(name, side, reconciler[side], "write from<Tables>('<database>').read((key, db) => …)");
  for (const part of ['topic', 'consumer'] as const)
    if (inFlight?.[part] === '')
      throw invalid(name, `inFlight.${part}`, '', `name the ${part} by which actual follows desired`);
  if (!(limits.share >= 0 && limits.share <= 1))
    throw invalid(name, 'limits.share', limits.share, 'give a share from 0 to 1, such as 0.02');
  const numbers = {
    'limits.repairs': limits.repairs,
    'limits.always': limits.always,
    'timing.settleMs': timing.settleMs,
    'timing.quietMs': timing.quietMs,
    'timing.maxWaitMs': timing.maxWaitMs,
    'timing.readMs': timing.readMs,
  };
  for (const [field, value] of Object.entries(numbers))
    if (!Number.isInteger(value) || value < 0)
      throw invalid(name, field, value, 'give a whole number from 0');
  if (timing.maxWaitMs < timing.quietMs)
    throw invalid(name, 'timing.maxWaitMs', timing.maxWaitMs, `give at least quietMs (${timing.quietMs})`);
}

function invalid(name: string, field: string, value: unknown, fix: string): ReconcileError {
  return new ReconcileError(
    `reconciler ${JSON.stringify(name)}: ${field} is ${value === undefined ? 'missing' : JSON.stringify(value)}; ${fix}`,
    { code: 'RECONCILER_INVALID', category: 'configuration' },
  );
}

/** Finds what prevents safe repairs in a declaration; undefined = nothing. Pure. */
function faultOfRepairs(reconciler: Reconciler): DeclarationFault | undefined {
  const { mode, modes, owns, ignore, unguarded } = reconciler;
  // A declared name is a field of the state, although the loops do not know the state's type.
  const version = reconciler.version as unknown;
  const named = [
    ['mode', mode] as const,
    ...Object.entries(modes).map(([field, one]) => [`modes.${field}`, one] as const),
  ];
  const wrong = named.find(([, one]) => !MODES.includes(one));
  if (wrong !== undefined)
    return { field: wrong[0], value: wrong[1], fix: `give one of ${MODES.toReversed().join(', ')}` };
  if (!mayRepair(reconciler)) return undefined;
  if (version === undefined && !unguarded)
    return {
      field: 'version',
      value: version,
      fix: 'without it a repair overwrites a concurrent write: name the field of the version, or declare `unguarded: true`',
    };
  if (typeof version === 'string' && ignore.includes(version))
    return { field: 'ignore', value: ignore, fix: `${version} is the version: remove it` };
  const both = owns?.find((field) => ignore.includes(field));
  if (both !== undefined)
    return { field: 'owns', value: owns, fix: `${both} is ignored, too: remove it from one of both` };
  return undefined;
}
