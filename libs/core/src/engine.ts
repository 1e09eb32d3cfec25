/** Exports for other packages of the kit; applications do not need them. They may change in any version. */
export { type Backoff, cappedMs, delayMs, outageBackoff } from './backoff.ts';
export {
  callbackError,
  type CallOfCode,
  callOfCode,
  containStrays,
  inCallOfCode,
  lateStray,
  passStray,
  runCode,
  strayError,
} from './call-of-code.ts';
export { deepFreeze } from './deep-freeze.ts';
export { fieldsOf, messageOf } from './error-fields.ts';
export { failpoint } from './failpoint.ts';
export { CATEGORIES, CERTAINTIES } from './failure.ts';
export { deterministicUuid, isUuid } from './ids.ts';
export { forItsExports, isImportedOnly } from './importing.ts';
export { loopService } from './loop-service.ts';
export { ownFolder } from './own-folder.ts';
export { type NextRun, poll, Wake } from './poll.ts';
export { Renewals } from './renewals.ts';
export { shellWord } from './shell-word.ts';
export { tlsFailure } from './tls-failure.ts';
export type { RunOptions } from './service.ts';
