/** Exports for tests: the root of all loggers, for another destination. They may change in any version. */
export { makeLogger } from './logger.ts';
