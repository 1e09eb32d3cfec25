import { type Assignment, partitionId, partitionMissing, type StartAt } from '@convergekit/broker/engine';
import { readCommitted, readEnds } from '../log/topic-sql.ts';
import type { LogSession } from '../session/log-session.ts';

interface Known {
  readonly earliest: bigint;
  readonly latest: bigint;
  readonly committed: bigint | undefined;
}

/** Resolves positions to offsets. `committed` without a commit is the earliest. */
export async function resolveStarts(
  session: LogSession,
  groupId: string,
  wanted: readonly (Assignment & { readonly at: StartAt })[],
): Promise<readonly bigint[]> {
  const known = new Map<string, Known>();
  for (const topic of new Set(wanted.map((one) => one.topic))) {
    const committed = await readCommitted(session, groupId, topic);
    for (const { partition, earliest, latest } of await readEnds(session, topic))
      known.set(partitionId(topic, partition), { earliest, latest, committed: committed.get(partition) });
  }
  return wanted.map(({ topic, partition, at }) => {
    if (typeof at === 'bigint') return at;
    const place = known.get(partitionId(topic, partition));
    if (place === undefined) throw partitionMissing({ topic, partition });
    if (at === 'latest') return place.latest;
    return at === 'committed' ? (place.committed ?? place.earliest) : place.earliest;
  });
}
