import type { CursorRecord, TopicRecord } from './takeover-sql.ts';

interface Recorded {
  readonly topics: readonly Pick<TopicRecord, 'topic' | 'partitions'>[];
  readonly cursors: readonly Pick<CursorRecord, 'topic' | 'partition'>[];
}

/**
 * Throws when a recorded topic lacks a cursor row, or a partition has two. Such a partition would begin anew at the
 * start of the epoch, its first event would name a false predecessor, and no save could ever cover it.
 */
export function requireCursors({ topics, cursors }: Recorded): void {
  const present = new Set(cursors.map(({ topic, partition }) => `${topic}/${partition}`));
  const missing = topics.flatMap(({ topic, partitions = 0 }) =>
    Array.from({ length: partitions }, (_, partition) => `${topic}/${partition}`).filter(
      (name) => !present.has(name),
    ),
  );
  if (present.size < cursors.length)
    throw new Error(
      'converge.relay_cursor has two rows for one partition: rows were inserted by hand, or restored beside the others; ' +
        'remove the ones with the lower `save` (nothing was published meanwhile)',
    );
  if (missing.length > 0)
    throw new Error(
      `converge.relay_cursor has no row for ${missing.join(', ')}: rows were deleted by hand, or restored without the others; ` +
        'restore converge.relay_cursor as it was (nothing was published meanwhile)',
    );
}
