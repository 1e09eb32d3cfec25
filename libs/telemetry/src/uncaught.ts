import { callOfCode, containStrays } from '@convergekit/core/engine';
import type { Logger } from 'pino';

/**
 * Logs an uncaught error or unhandled rejection in one line, and exits the process with 1. Node's own print shows every
 * property of an error: Postgres quotes the failing row in `detail`. Call it once, at the start of the process.
 * What the code of a handler left without `await`, and what its callbacks throw before its end, belongs to its event
 * (`containStrays`): it does not end the process.
 * @example
 * ```ts
 * import { logger } from 'convergekit';
 * import { exitOnUncaught } from 'convergekit/telemetry';
 *
 * exitOnUncaught(logger('payments')); // first in a main of your own; `defineService()` does it
 * ```
 */
export function exitOnUncaught(log: Logger): void {
  // Unhandled rejections of other code come here, too: `origin` says which.
  containStrays((error, origin) => {
    const call = callOfCode();
    const from = call === undefined ? '' : `, in a callback that ${call.what()} left behind`;
    const name = error instanceof Error ? error.name : 'an error';
    log.fatal({ err: error, origin }, `${name} was not caught${from}: the process ends`);
    process.exit(1);
  });
}
