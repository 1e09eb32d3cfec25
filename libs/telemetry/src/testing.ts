/** Exports for tests: the lines of all loggers in memory. They may change in any version. */
export { captureLogs } from './logger.ts';
