import { callbackError, inCallOfCode, lateStray } from '@convergekit/core/engine';
import type { Logger } from '@convergekit/telemetry';

/**
 * Runs the code of a call. What it leaves behind does not decide about an answer that has come: it is logged. What its
 * callbacks throw before is logged, too: an answer that never comes is unknown at the end of its time.
 */
export async function asCall<T>(
  { id, consumer }: { readonly id: string; readonly consumer: string },
  effect: string,
  logger: Pick<Logger, 'error'>,
  run: () => Promise<T>,
): Promise<T> {
  const what = (): string => `call ${effect} of consumer ${consumer} (${id})`;
  const log = (err: unknown, line: string): void => logger.error({ err, effect, work: id }, line);
  let running = true;
  const stray = (error: unknown): void => log(error, lateStray(what()));
  const thrown = (error: unknown): boolean => {
    if (running) log(error, callbackError(what(), error).message);
    return running;
  };
  try {
    return await inCallOfCode({ what, stray, thrown }, run);
  } finally {
    running = false;
  }
}
