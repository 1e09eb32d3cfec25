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
