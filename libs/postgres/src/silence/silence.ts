/** A connection that awaited an answer when it was looked at. */
export interface Waiting {
  /** Identifies the server session among all past and future ones. */
  readonly session: string;
  /** The bytes that the connection has received so far. */
  readonly bytesRead: number;
}

/** What the server says of its sessions: the states of those that were asked for, and of itself. */
export interface ServerView {
  /** `pg_stat_activity.state` by session; a session that has ended is missing. */
  readonly states: ReadonlyMap<string, string | null>;
  /** True for a standby: a session that is missing there may be one of the primary. */
  readonly inRecovery: boolean;
}

/** Returns the connections that have received nothing since the last look, and awaited an answer both times. */
export function silentSince<C>(
  before: ReadonlyMap<C, Waiting>,
  now: ReadonlyMap<C, Waiting>,
): ReadonlyMap<C, Waiting> {
  return new Map(
    [...now].filter(([client, { session, bytesRead }]) => {
      const earlier = before.get(client);
      return earlier?.session === session && earlier.bytesRead === bytesRead;
    }),
  );
}

/**
 * True when no answer can come any more: the session has ended, or waits for its client. The request or its answer was
 * lost on the way. A session that works, and one whose state is not shown (`track_activities`), may still answer.
 */
export function isLost({ states, inRecovery }: ServerView, session: string): boolean {
  if (!states.has(session)) return !inRecovery;
  return states.get(session)?.startsWith('idle') ?? false;
}
