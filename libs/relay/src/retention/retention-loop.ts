import type { Leadership } from '../leadership.ts';
import { Retention, type RetentionCounts } from './retention.ts';

/** Runs retention while this relay leads. Never rejects: what cannot go now stays, and publishing does not wait for it. */
export async function retentionLoop(leader: Leadership): Promise<void> {
  const { ending, fence, settings } = leader;
  const { retention, database, clock, random, log } = settings;
  if (retention === false) return;
  const stop = new AbortController();
  ending.onEnd(() => stop.abort());
  const runs = new Retention({ database, fence, settings: retention, clock, random, signal: stop.signal });
  let trouble: string | undefined;
  while (!ending.isOver()) {
    try {
      tell(leader, await runs.runOnce());
      trouble = undefined;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      // Once per reason: a missing permission would be told every few seconds.
      if (!ending.isOver() && trouble !== text)
        log.warn({ err: error }, `retention cannot go on: ${text}. Old rows stay; it tries again.`);
      trouble = text;
    }
    await clock.sleep(retention.everyMs * (0.5 + random() / 2), stop.signal);
  }
}

function tell(
  { settings: { log } }: Leadership,
  { children, ticks, requests, waiting }: RetentionCounts,
): void {
  if (children.length > 0) log.info({ children, ticks, requests }, 'old events left the outbox');
  else if (ticks + requests > 0) log.debug({ ticks, requests }, 'old ticks and request keys were deleted');
  if (waiting !== undefined)
    log.debug({ child: waiting }, 'a child of the outbox waits for transactions that use the table');
}
