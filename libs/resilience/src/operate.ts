/** For operators: what the CLI and the console use. It may change in any version. */
export { explain } from './explain.ts';
export { type RecoveryPath, recoveryPaths } from './operation.ts';
export { simulate } from './simulate.ts';
