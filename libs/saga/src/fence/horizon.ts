import type { Executor } from '@convergekit/postgres';
import type { FenceTrigger } from './fence.ts';

const UUID_V7 = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Pure: when a run started, where its id is a UUIDv7, as those of the kit are. */
export function startOf(instance: string): Date | undefined {
  const [, high, low] = UUID_V7.exec(instance) ?? [];
  return high === undefined || low === undefined ? undefined : new Date(Number.parseInt(high + low, 16));
}

const horizonSql = 'select before from converge.saga_horizon where saga = $1';

/** Rows of runs that started before it may have left. By the primary key. */
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
 * Pure: what a step without a row is. Below the horizon its row may have left. What was emitted before the horizon is a
 * `repeat` then. An event that begins a step is emitted when the step before takes effect, which happens once: one that is
 * newer comes for the first time, so a run that takes long goes on.
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
