import type { Executor } from '@convergekit/postgres';
import {
  findOpenInstances,
  INSTANCE_STATES,
  type InstanceSearch,
  type InstanceState,
} from '@convergekit/saga/operate';
import { UsageError } from '../host/errors.ts';

/** The states that have not ended, with what needs an operator first. */
export const OPEN_STATES = ['stuck', 'expired', 'compensating', 'running'] as const;
const EVERY_STATE: readonly InstanceState[] = [...OPEN_STATES, 'compensated', 'completed'];
/** The states of the filter: one of a saga, those that have not ended, or all. */
export const STATE_CHOICES = ['open', 'any', ...INSTANCE_STATES] as const;

/** Which sagas are searched. */
export interface SagaFilter {
  readonly state?: (typeof STATE_CHOICES)[number] | undefined;
  readonly saga?: string | undefined;
  /** A step that has begun and has no outcome. */
  readonly step?: string | undefined;
  readonly attempts?: number | undefined;
  /** Their least age, as 30m. */
  readonly older?: string | undefined;
  /** A part of the saga's reason. */
  readonly reason?: string | undefined;
  readonly key?: string | undefined;
  readonly id?: string | undefined;
  readonly trace?: string | undefined;
}

const SPANS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Returns the time before which a saga of at least this age began; `older` as 30m, 2h or 1d (pure). */
function startedBefore(older: string | undefined, now: number): Date | undefined {
  if (older === undefined) return undefined;
  const [, number, unit] = /^([1-9]\d{0,5})\s?([smhd])$/.exec(older.trim()) ?? [];
  if (number === undefined)
    throw new UsageError('AGE_INVALID', 'an age is a time span, as 90s, 30m, 2h or 1d');
  return new Date(now - Number(number) * SPANS[unit as keyof typeof SPANS]);
}

/**
 * Returns the states to list, in their order (pure). A search by key, id or trace is of the whole history, unless a state is
 * given. A saga that completed has no reason, and one that ended has no age.
 */
export function statesOf({ state, key, id, trace, reason, older }: SagaFilter): readonly InstanceState[] {
  const whole = key !== undefined || id !== undefined || trace !== undefined;
  const choice = state ?? (whole ? 'any' : 'open');
  const states: readonly InstanceState[] =
    choice === 'open' ? OPEN_STATES : choice === 'any' ? EVERY_STATE : [choice];
  const hasEnded = (one: InstanceState): boolean => one === 'completed' || one === 'compensated';
  if (older !== undefined) return states.filter((one) => !hasEnded(one));
  return reason === undefined ? states : states.filter((one) => one !== 'completed');
}

/** Returns a filter as the search of instances (pure). `instances`: those of which a step is open, where it asks for one. */
export function whereOf(
  filter: SagaFilter,
  instances: readonly string[] | undefined,
  now: number,
): Omit<InstanceSearch, 'after' | 'limit'> {
  const { saga, key, id, trace, reason, older } = filter;
  const ids = id === undefined ? instances : instances === undefined || instances.includes(id) ? [id] : [];
  const states = statesOf(filter);
  return {
    states,
    saga,
    key,
    traceId: trace,
    reason,
    instances: ids,
    startedBefore: startedBefore(older, now),
  };
}

/** At most so many sagas of a database are looked up by their open step. */
const MOST_OPEN = 5_000;

/** Finds the sagas of which a step is open in one database; undefined where the filter asks for no step and no attempts. */
export async function openInstancesIn(
  executor: Executor,
  { saga, step, attempts }: SagaFilter,
): Promise<readonly string[] | undefined> {
  if (step === undefined && attempts === undefined) return undefined;
  return findOpenInstances(executor, { saga, step, attempts, limit: MOST_OPEN });
}
