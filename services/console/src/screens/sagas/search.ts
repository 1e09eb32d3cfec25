import { INSTANCE_STATES, type InstanceSearch, type InstanceState } from '@convergekit/saga/operate';
import { z } from 'zod';
import { invalidInput } from '../../errors.ts';
import { readCursor } from '../cursor.ts';

/** The states that have not ended, with what needs an operator first. */
export const OPEN_STATES = ['stuck', 'expired', 'compensating', 'running'] as const;
const EVERY_STATE: readonly InstanceState[] = [...OPEN_STATES, 'compensated', 'completed'];
/** The states of the filter: one of a saga, those that have not ended, or all. */
export const STATE_CHOICES = ['open', 'any', ...INSTANCE_STATES] as const;

export const searchSchema = z.object({
  state: z.enum(STATE_CHOICES).optional(),
  saga: z.string().optional(),
  /** A step that has begun and has no outcome. */
  step: z.string().optional(),
  attempts: z.coerce.number().int().min(1).max(1_000_000).optional(),
  older: z.string().optional(),
  reason: z.string().max(200).optional(),
  key: z.string().optional(),
  id: z.string().optional(),
  trace: z.string().optional(),
  after: z.string().optional(),
});
export type SagaSearch = z.output<typeof searchSchema>;

const cursor = z.object({
  state: z.enum(INSTANCE_STATES),
  changedAt: z.string().regex(/^\d{1,18}$/),
  saga: z.string(),
  instance: z.string(),
});

const SPANS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Returns the time before which a saga of at least this age began; `older` as 30m, 2h or 1d (pure). */
export function startedBefore(older: string | undefined, now: number): Date | undefined {
  if (older === undefined) return undefined;
  const [, number, unit] = /^([1-9]\d{0,5})\s?([smhd])$/.exec(older.trim()) ?? [];
  if (number === undefined) throw invalidInput('an age is a time span, as 90s, 30m, 2h or 1d');
  return new Date(now - Number(number) * SPANS[unit as keyof typeof SPANS]);
}

/**
 * Returns the states to list, in their order (pure). A search by key, id or trace is of the whole history, unless a state is
 * given. A saga that completed has no reason, and one that ended has no age.
 */
export function statesOf({ state, key, id, trace, reason, older }: SagaSearch): readonly InstanceState[] {
  const whole = key !== undefined || id !== undefined || trace !== undefined;
  const choice = state ?? (whole ? 'any' : 'open');
  const states: readonly InstanceState[] =
    choice === 'open' ? OPEN_STATES : choice === 'any' ? EVERY_STATE : [choice];
  const hasEnded = (one: InstanceState): boolean => one === 'completed' || one === 'compensated';
  if (older !== undefined) return states.filter((one) => !hasEnded(one));
  return reason === undefined ? states : states.filter((one) => one !== 'completed');
}

/** Returns the search of one page (pure). `instances`: those of which a step is open, where the search asks for it. */
export function searchOf(
  search: SagaSearch,
  instances: readonly string[] | undefined,
  { now, limit }: { readonly now: number; readonly limit: number },
): InstanceSearch {
  const { saga, key, id, trace, reason, older, after } = search;
  const ids = id === undefined ? instances : instances === undefined || instances.includes(id) ? [id] : [];
  return {
    states: statesOf(search),
    saga,
    key,
    traceId: trace,
    reason,
    instances: ids,
    startedBefore: startedBefore(older, now),
    after: readCursor(after, cursor),
    limit,
  };
}
