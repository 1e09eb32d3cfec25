import type { Executor } from '@convergekit/postgres';
import { enqueueKeys } from './key-queue.ts';
import type { Reconciler } from './reconciler.ts';

export interface ReportRequest {
  /** @default 'event' */
  readonly by?: 'event' | 'operator';
  /** The cause for the audit, such as the event's id. */
  readonly cause: string;
}

/**
 * Reports keys that may have diverged.
 * In an event handler pass its own transaction: the report and the watermark commit together. Reports of one key within
 * the debounce window cause one run.
 */
export async function reportKeys(
  executor: Executor,
  { name, timing }: Reconciler,
  keys: readonly string[],
  { by = 'event', cause }: ReportRequest,
): Promise<void> {
  const { quietMs, maxWaitMs } = timing;
  await enqueueKeys(executor, { reconciler: name, keys, priority: by, cause, quietMs, maxWaitMs });
}
