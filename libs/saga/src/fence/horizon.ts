import type { Executor } from '@convergekit/postgres';
import type { FenceTrigger } from './fence.ts';

const UUID_V7 = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Returns the start of a run from its id (pure), if it is a UUIDv7, as the kit's are. */
export function startOf(instance: string): Date | undefined {
  const [, high, low] = UUID_V7.exec(instance) ?? [];
  return high === undefined || low === undefined ? undefined : new Date(Number.parseInt(high + low, 16));
}

const horizonSql = 'select before from converge.saga_horizon where saga = $1';

/** Returns the horizon: rows of runs that started earlier may have been removed. The look-up is by the primary key. */
export async function horizonOf(executor: Executor, saga: string): Promise<Date | undefined> {
  return (await executor.query<{ before: Date }>(horizonSql, [saga])).rows[0]?.before;
}

export interface Age {
  readonly startedAt: Date | undefined;
  readonly before: Date | undefined;
}

const BEGINS: ReadonlySet<FenceTrigger> = new Set([
  'begin',
  'again',
  'not_applied',
  'applied_in_failure',
  'unknown',
  'stuck',
]);

/**
 * Classifies a step without a row (pure). The row of a run below the horizon may have been removed. An event emitted
 * before the horizon is then a `repeat`. An event that begins a step is emitted when the previous step takes effect,
 * which happens once: a newer event comes for the first time, so a long run continues.
 */
export function fromBelow(
  { startedAt, before }: Age,
  { trigger, causeTime }: { readonly trigger: FenceTrigger; readonly causeTime?: Date | undefined },
): 'absent' | 'forgotten' | 'repeat' {
  if (startedAt === undefined || before === undefined || startedAt >= before) return 'absent';
  if (causeTime === undefined) return 'forgotten';
  if (causeTime < before) return 'repeat';
  return BEGINS.has(trigger) ? 'absent' : 'forgotten';
}
