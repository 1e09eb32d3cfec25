import type { ConsumerDefinition } from './define-consumer.ts';

/**
 * Finds topics whose events a consumer handles under one kind of key: the order of a key holds within each topic, not between
 * them. Events have one kind of key when their definitions compute it by the same code. Steps of sagas and failure handlers do
 * not depend on the order, and are left out. Pure.
 */
export function topicsOfOneKey<DB>({
  subscriptions,
}: Pick<ConsumerDefinition<DB>, 'subscriptions'>): readonly (readonly string[])[] {
  const keyed = subscriptions.flatMap(({ topic, keyedBy }) =>
    keyedBy === undefined ? [] : [{ topic, keyedBy }],
  );
  const kinds = Map.groupBy(keyed, ({ keyedBy }) => keyedBy);
  return [...kinds.values()]
    .map((own) => [...new Set(own.map(({ topic }) => topic))])
    .filter(({ length }) => length > 1);
}
