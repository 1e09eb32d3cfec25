import { startCursor } from '../cursor.ts';
import type { Leadership } from '../leadership.ts';
import { readLatestTick } from '../window-sql.ts';
import { compareLog } from './log-check.ts';
import { LogCheckError } from './refusal.ts';

/**
 * A topic that was recorded just now holds nothing of this source, unless the database went back to before its first
 * event. Rejects then, before anything is sent to it; the next takeover compares it with the others.
 */
export async function requireOwnPast(leader: Leadership, topic: string, partitions: number): Promise<void> {
  const { writes, settings, source } = leader;
  const { tick } = await readLatestTick(writes);
  const cursors = Array.from({ length: partitions }, (_, partition) => ({
    topic,
    partition,
    ...startCursor(),
  }));
  const { refusals } = await compareLog({
    executor: writes,
    broker: settings.broker,
    source,
    cursors,
    tickXmax: tick.snapshot.xmax,
  });
  const [first, ...more] = refusals;
  if (first !== undefined) throw new LogCheckError([first, ...more]);
}
