import type { Assignment } from '../broker.ts';

export interface Subscriber {
  readonly id: string;
  readonly topics: readonly string[];
}

/**
 * Assigns partitions evenly over all topics: each goes to the subscriber with the fewest so far. Depends only on the
 * contents of its arguments, so every leader of the group decides the same.
 */
export function assignPartitions(
  subscribers: readonly Subscriber[],
  partitionsOf: (topic: string) => number,
): ReadonlyMap<string, readonly Assignment[]> {
  const members = subscribers.toSorted((left, right) => (left.id < right.id ? -1 : 1));
  const shares = new Map<string, Assignment[]>(members.map(({ id }) => [id, []]));
  const topics = [...new Set(members.flatMap((member) => member.topics))].sort();
  for (const topic of topics) {
    const interested = members.filter((member) => member.topics.includes(topic));
    for (let partition = 0; partition < partitionsOf(topic); partition += 1) {
      const poorest = interested.reduce((least, next) =>
        held(shares, next) < held(shares, least) ? next : least,
      );
      shares.get(poorest.id)?.push({ topic, partition });
    }
  }
  return shares;
}

function held(shares: ReadonlyMap<string, readonly Assignment[]>, member: Subscriber): number {
  return shares.get(member.id)?.length ?? 0;
}
