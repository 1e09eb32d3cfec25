import { type Chapter, momentsIn } from './chapter.ts';
import { type History, historyOf } from './history.ts';
import { deliveriesOf, type Named } from './deliveries.ts';
import { readAround, readChapters } from './read-chapters.ts';
import { scopeOf } from './scope.ts';
import { ALWAYS, timeOfId, type Window, windowsAround } from './window.ts';

/** A failure of a failure of a failure: an operator reads no deeper. */
const MOST_ROUNDS = 8;

/** How far the outboxes are searched for answers to an event. */
export interface HistoryReach {
  /** Minutes after a moment at which something happened to the event. @default 10 */
  readonly minutes?: number;
  /** Searches the whole of every outbox. @default false */
  readonly whole?: boolean;
  /** Called when the whole of every outbox is read, since no moment is known. */
  readonly onWhole?: () => void;
}

/** Reads what the databases know of an event. Its entries are empty where none knows it. Changes nothing. */
export async function readHistory(
  named: readonly Named[],
  id: string,
  reach: HistoryReach = {},
): Promise<History> {
  const windowsOf = windowsWithin(id, reach);
  const chapters = await readChapters(named, { ids: [id], rounds: MOST_ROUNDS, windowsOf, calls: true });
  const deliveries = await deliveriesOf(named, chapters);
  const { acts, given } = await readAround(named, scopeOf(id, chapters, deliveries));
  return historyOf(id, [...chapters, ...acts], deliveries, given);
}

function windowsWithin(id: string, { minutes = 10, whole = false, onWhole }: HistoryReach) {
  const made = timeOfId(id);
  return (chapters: readonly Chapter[]): readonly Window[] => {
    const moments = [...(made === undefined ? [] : [made]), ...momentsIn(chapters)];
    if (!whole && moments.length > 0) return windowsAround(moments, minutes * 60_000);
    if (!whole) onWhole?.();
    return [ALWAYS];
  };
}
