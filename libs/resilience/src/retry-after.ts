/** How far above our own delay a `Retry-After` may push us: an absurd one must not park the caller for hours. */
const RETRY_AFTER_SLACK_MS = 5_000;

/** What the other side asked for, honoured within [own, own + 5 s]. */
export function hinted(ownMs: number, retryAfterMs: number | undefined): number {
  return Math.min(Math.max(ownMs, retryAfterMs ?? 0), ownMs + RETRY_AFTER_SLACK_MS);
}
