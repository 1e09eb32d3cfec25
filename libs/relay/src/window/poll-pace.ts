/** Pause between polls while events come in, milliseconds. */
export const BUSY_MS = 1;

/** Empty polls in a row before the pause grows, where writers do not all notify. */
const EMPTY_BEFORE_SLOWER = 50;

export interface PollSettings {
  /** Pause between polls of an idle source that may have writers without notifications, milliseconds. @default 20 */
  readonly maxMs: number;
  /**
   * Pause between polls of an idle source whose writers all notify the relay, milliseconds. A notification ends it at
   * once. A quarter of it where the relay cannot listen. @default 1_000, or maxMs if that is longer
   */
  readonly idleMs: number;
}

/** The result of the last poll: nothing, a window, or a window larger than a page. */
export type PollOutcome = 'empty' | 'window' | 'full';

export interface PollPace {
  readonly empty: number;
  readonly pauseMs: number;
}

export const startPace: PollPace = { empty: 0, pauseMs: 0 };

/** What a pace depends on beside the outcome of polls. */
interface PollGuide {
  /** The longest pause, in milliseconds: above `maxMs` where every commit is expected to be announced. */
  readonly slowestMs: number;
  /** The time since the last window before this poll, in milliseconds. */
  readonly sinceWindowMs: number;
  /** Whether all events that were found had been announced. */
  readonly allAnnounced: boolean;
}

/**
 * Computes the next pace: at once after a full page, `BUSY_MS` while events come. Then doubling to `maxMs`; or, where
 * `slowestMs` allows more, from a quarter of `idleMs` doubling to it.
 */
export function nextPace(
  pace: PollPace,
  outcome: PollOutcome,
  { maxMs, idleMs }: PollSettings,
  { slowestMs, sinceWindowMs, allAnnounced }: PollGuide,
): PollPace {
  const isSlow = slowestMs > maxMs;
  switch (outcome) {
    case 'full':
      return { empty: 0, pauseMs: 0 };
    case 'window':
      // A window that was announced, or came after a pause, is likely to be the only one: a notification announces the next.
      return {
        empty: 0,
        pauseMs: isSlow && (allAnnounced || sinceWindowMs > maxMs) ? idleMs / 4 : BUSY_MS,
      };
    case 'empty': {
      const empty = pace.empty + 1;
      if (isSlow) return { empty, pauseMs: Math.min(slowestMs, Math.max(idleMs / 4, pace.pauseMs * 2)) };
      if (empty <= EMPTY_BEFORE_SLOWER) return { empty, pauseMs: BUSY_MS };
      return { empty, pauseMs: Math.min(maxMs, Math.max(BUSY_MS, pace.pauseMs) * 2) };
    }
  }
}

/** Decides whether a look at the snapshot goes before the poll: where an idle relay polls often. */
export function looksFirst(
  { empty }: PollPace,
  { maxMs }: PollSettings,
  { slowestMs }: Pick<PollGuide, 'slowestMs'>,
): boolean {
  return slowestMs <= maxMs && empty > EMPTY_BEFORE_SLOWER;
}

/** The time in which events that were found must be announced, in milliseconds. A stalled writer is late by some of it. */
const GRACE_MS = 5_000;
/** The time that a writer without notifications is expected after its last event, in milliseconds. */
const SILENT_MS = 600_000;
/** The same at the begin of a leadership that has heard no notification, in milliseconds. */
const UNHEARD_MS = 4_000;

/**
 * The events that polls found, and those that notifications of writers announced, since both were known to be even.
 * Monotonic milliseconds.
 */
export interface Announced {
  /** The begin of the leadership, until it hears a notification; then undefined. */
  readonly unheardSince: number | undefined;
  /** False until the first empty poll: events before it may have been announced before the relay listened. */
  readonly counts: boolean;
  readonly found: number;
  readonly announced: number;
  /** Events found up to `found` at `since` and not announced yet; undefined when all were. */
  readonly owed: { readonly found: number; readonly since: number } | undefined;
  /** A writer that does not notify was seen: it is expected until then. */
  readonly silentUntil: number;
}

export function nothingAnnounced(now: number): Announced {
  return {
    unheardSince: now,
    counts: false,
    found: 0,
    announced: 0,
    owed: undefined,
    silentUntil: -Infinity,
  };
}

/** What happened since the last step. */
interface AnnouncedStep {
  /** Events that were found, up to the last poll and with it. */
  readonly found: number;
  /** Events that were announced before the last poll began: it had to see them. */
  readonly announced: number;
  /** The last poll was empty. */
  readonly isEmpty: boolean;
  readonly now: number;
}

/**
 * Computes what is known of the writers. A writer without notifications shows by events that stay unannounced: an older
 * version, SQL by hand, another pool. Announcements of events that an empty poll did not find are dropped: they were found
 * before, or by another leader.
 */
export function nextAnnounced(state: Announced, { isEmpty, now, ...step }: AnnouncedStep): Announced {
  const unheardSince = step.announced > 0 ? undefined : state.unheardSince;
  if (!state.counts) return { ...state, unheardSince, counts: isEmpty };
  const found = state.found + step.found;
  const sum = state.announced + step.announced;
  const announced = isEmpty ? Math.min(sum, found) : sum;
  const next = { ...state, unheardSince, found, announced };
  const owed = state.owed !== undefined && announced < state.owed.found ? state.owed : undefined;
  if (owed === undefined) return { ...next, owed: found > announced ? { found, since: now } : undefined };
  if (now - owed.since < GRACE_MS) return { ...next, owed };
  return { ...next, announced: found, owed: undefined, silentUntil: now + SILENT_MS };
}

/** Decides whether an idle relay may poll slowly: no writer without notifications is expected. */
export function mayPollSlowly({ unheardSince, owed, silentUntil }: Announced, now: number): boolean {
  if (owed !== undefined || now < silentUntil) return false;
  return unheardSince === undefined || now - unheardSince >= UNHEARD_MS;
}

/** True when it is known that no event that was found waits for its notification. */
export function allAnnounced({ counts, found, announced }: Announced): boolean {
  return counts && announced >= found;
}

/** Decides whether a notification is of events that no poll has found: `found` and `heard` since the last step. */
export function bringsNews(
  { counts, ...state }: Announced,
  { events, heard, found }: { readonly events: number; readonly heard: number; readonly found: number },
): boolean {
  return !counts || events === 0 || state.announced + heard > state.found + found;
}

/** Parses a payload: a count of events. A payload of another form only wakes the relay. */
export function announcedBy(payload: string): number {
  return /^\d{1,9}$/.test(payload) ? Number(payload) : 0;
}
