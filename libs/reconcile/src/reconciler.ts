import { Cron } from 'croner';
import type { ReconcilerDefinition } from './definition.ts';
import { ReconcileError } from './errors.ts';
import { faultOfRepairs } from './guard/check-declaration.ts';

const limits = { repairs: 100, share: 0.02, always: 5, windowMs: 3_600_000, repairsPerKey: 5 } as const;
const timing = {
  settleMs: 5_000,
  quietMs: 500,
  maxWaitMs: 5_000,
  backoff: { baseMs: 500, factor: 2, capMs: 60_000 },
} as const;

type Definition = ReconcilerDefinition<unknown, unknown, unknown, unknown, unknown>;

/** A reconciler with resolved defaults, frozen. Its types are in the definition; the loops do not need them. */
export interface Reconciler extends Omit<
  Definition,
  'limits' | 'timing' | 'mode' | 'modes' | 'ignore' | 'unguarded' | 'timeZone'
> {
  readonly mode: NonNullable<Definition['mode']>;
  readonly modes: NonNullable<Definition['modes']>;
  readonly ignore: NonNullable<Definition['ignore']>;
  readonly unguarded: boolean;
  readonly timeZone: string;
  readonly limits: Required<NonNullable<Definition['limits']>>;
  readonly timing: Required<NonNullable<Definition['timing']>>;
}

/** Declares a reconciler. Throws RECONCILER_INVALID with field, value and fix. */
export function defineReconciler<DesiredDb, Desired, ActualDb, Actual, Drift>(
  definition: ReconcilerDefinition<DesiredDb, Desired, ActualDb, Actual, Drift>,
): Reconciler {
  // Type-safe in effect: the loops pass a definition only its own databases, states and drifts.
  const erased = definition as unknown as Definition;
  const reconciler: Reconciler = Object.freeze({
    ...erased,
    mode: erased.mode ?? 'observe',
    modes: Object.freeze({ ...erased.modes }),
    ignore: erased.ignore ?? [],
    unguarded: erased.unguarded ?? false,
    timeZone: erased.timeZone ?? 'UTC',
    limits: Object.freeze({ ...limits, ...erased.limits }),
    timing: Object.freeze({ ...timing, ...erased.timing }),
  });
  check(reconciler);
  return reconciler;
}

function check(reconciler: Reconciler): void {
  const { name, schedule, timeZone, limits, timing, inFlight } = reconciler;
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name))
    throw invalid(name, 'name', name, 'use lower-case letters, digits and dashes, at most 63');
  const fault = faultOfRepairs(reconciler);
  if (fault !== undefined) throw invalid(name, fault.field, fault.value, fault.fix);
  if (schedule !== undefined) checkSchedule(name, schedule, timeZone);
  for (const part of ['topic', 'consumer'] as const)
    if (inFlight?.[part] === '')
      throw invalid(name, `inFlight.${part}`, '', `name the ${part} by which actual follows desired`);
  if (!(limits.share >= 0 && limits.share <= 1))
    throw invalid(name, 'limits.share', limits.share, 'give a share from 0 to 1, such as 0.02');
  const counts = { 'limits.repairs': limits.repairs, 'limits.always': limits.always };
  const spans = {
    'timing.settleMs': timing.settleMs,
    'timing.quietMs': timing.quietMs,
    'timing.maxWaitMs': timing.maxWaitMs,
  };
  for (const [field, value] of Object.entries({ ...counts, ...spans }))
    if (!Number.isInteger(value) || value < 0)
      throw invalid(name, field, value, 'give a whole number from 0');
  if (timing.maxWaitMs < timing.quietMs)
    throw invalid(name, 'timing.maxWaitMs', timing.maxWaitMs, `give at least quietMs (${timing.quietMs})`);
}

function checkSchedule(name: string, schedule: string, timeZone: string): void {
  try {
    if (new Cron(schedule, { timezone: timeZone, paused: true }).nextRun() !== null) return;
  } catch (error) {
    throw invalid(name, 'schedule', schedule, `croner does not accept it in ${timeZone}: ${String(error)}`);
  }
  throw invalid(name, 'schedule', schedule, 'it never comes: give a pattern with a future time');
}

function invalid(name: string, field: string, value: unknown, fix: string): ReconcileError {
  return new ReconcileError(
    `reconciler ${JSON.stringify(name)}: ${field} is ${value === undefined ? 'missing' : JSON.stringify(value)}; ${fix}`,
    { code: 'RECONCILER_INVALID', category: 'configuration' },
  );
}
