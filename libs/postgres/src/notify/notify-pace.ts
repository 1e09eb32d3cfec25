/** The minimum time from one notification of a channel to the next, per pool, in milliseconds. */
const NOTIFY_EVERY_MS = 5;

/** Computes how long a notification waits for others to join it: not at all after a pause, else the rest of the period. */
export function waitBeforeNotify(sentAt: number | undefined, now: number, everyMs = NOTIFY_EVERY_MS): number {
  return sentAt === undefined ? 0 : Math.max(0, sentAt + everyMs - now);
}
