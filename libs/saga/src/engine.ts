/** Exports for the package of services; applications do not need them. They may change in any version. */
export { queryName } from './calls/declare/bind-call.ts';
export { checkRemovedSteps } from './step/check-versions.ts';
export { includedSteps } from './step/part.ts';
