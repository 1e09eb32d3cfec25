/** Exports for operators, used by the CLI and the console. They may change in any version. */
export { explain } from './explain.ts';
export type { RecoveryPath } from './operation.ts';
export { type SimulatedRate, simulateRates } from './simulate.ts';
