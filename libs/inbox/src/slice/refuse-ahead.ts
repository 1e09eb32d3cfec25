import type { Executor } from '@convergekit/postgres';
import { readKnownTypes } from '../member/type-sql.ts';
import type { Partition } from './partition.ts';
import { SliceFault } from './slice-errors.ts';

/**
 * Refuses to pass unknown types that another version handles: that version would lose their events. The version of the
 * registered types comes from the locked fence row, and types are read only when it has changed: a registration either
 * waits for this slice, or was seen by its lock.
 */
export async function refuseAhead(
  tx: Executor,
  partition: Partition,
  version: string,
  unknown: ReadonlySet<string>,
): Promise<void> {
  if (unknown.size === 0) return;
  const { consumer, topic, partition: number } = partition.key;
  if (partition.standing.known.version !== version) {
    const known = (await readKnownTypes(tx, consumer, [partition.key])).get(`${topic}/${number}`);
    if (known !== undefined) partition.typesRead(known);
  }
  const { types } = partition.standing.known;
  const ahead = [...unknown].filter((type) => types.has(type));
  if (ahead.length > 0) throw new SliceFault({ kind: 'type_ahead', types: ahead });
}
