import { callOfCode, containStrays } from '@convergekit/core/engine';
import type { Logger } from 'pino';

/**
 * Logs an uncaught error or unhandled rejection in one line, and exits the process with 1. Node's own print shows every
 * property of an error: Postgres quotes the failing row in `detail`. Call it once, at the start of the process.
 * What the code of a handler left without `await` belongs to its event (`containStrays`): it does not end the process.
 */
export function exitOnUncaught(log: Logger): void {
  containStrays();
  // Unhandled rejections of other code come here, too: `origin` says which.
  process.on('uncaughtException', (error, origin) => {
    const call = callOfCode();
    // Thrown by the kit in a callback (a timer) that uses the context of its call too late.
    if (call !== undefined && isEnded(error)) return call.stray(error);
    const from = call === undefined ? '' : `, in a callback that ${call.what()} left behind`;
    log.fatal({ err: error, origin }, `${error.name} was not caught${from}: the process ends`);
    process.exit(1);
  });
}

function isEnded(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'HANDLER_ENDED';
}
