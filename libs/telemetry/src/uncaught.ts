import type { Logger } from 'pino';

/**
 * Logs an uncaught error or unhandled rejection in one line, and exits the process with 1. Node's own print shows every
 * property of an error: Postgres quotes the failing row in `detail`. Call it once, at the start of the process.
 */
export function exitOnUncaught(log: Logger): void {
  // Unhandled rejections come here, too: `origin` says which.
  process.on('uncaughtException', (error, origin) => {
    log.fatal({ err: error, origin }, `${error.name} was not caught: the process ends`);
    process.exit(1);
  });
}
