/** Exports for tests: the root of all loggers, and lines in memory. They may change in any version. */
export { captureLogs, makeLogger } from './logger.ts';
