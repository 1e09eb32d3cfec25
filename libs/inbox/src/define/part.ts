import type { Executor } from '@convergekit/postgres';
import type { Subscription } from './subscription.ts';

/** The consumer that includes a part. */
export interface PartOf {
  readonly consumer: string;
}

/**
 * A part of the kit inside a consumer, such as a step of a saga. Parts of one kind subscribe together, since one event may
 * concern several of them.
 */
export interface ConsumerPart<DB> {
  readonly kind: string;
  /** The subscriptions of all parts of this kind. Throws at import when they cannot share a consumer. */
  subscribe(parts: readonly ConsumerPart<DB>[], of: PartOf): readonly Subscription<DB>[];
  /** Checks all parts of this kind once, before the consumer starts, in its database. Rejects to refuse the start. */
  check?(parts: readonly ConsumerPart<DB>[], of: PartOf, executor: Executor): Promise<void>;
}

export function subscriptionsOf<DB>(
  parts: readonly ConsumerPart<DB>[],
  of: PartOf,
): readonly Subscription<DB>[] {
  return kindsOf(parts).flatMap(([first, kin]) => first.subscribe(kin, of));
}

export async function checkParts<DB>(
  parts: readonly ConsumerPart<DB>[],
  of: PartOf,
  executor: Executor,
): Promise<void> {
  for (const [first, kin] of kindsOf(parts)) await first.check?.(kin, of, executor);
}

function kindsOf<DB>(
  parts: readonly ConsumerPart<DB>[],
): readonly (readonly [ConsumerPart<DB>, readonly ConsumerPart<DB>[]])[] {
  return [...Map.groupBy(parts, ({ kind }) => kind).values()].flatMap((kin) =>
    kin[0] === undefined ? [] : [[kin[0], kin] as const],
  );
}
