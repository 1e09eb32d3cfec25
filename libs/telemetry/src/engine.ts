/** Exports for other packages of the kit; applications do not need them. They may change in any version. */
export { countAttempt, numberLabel, recordObjective, waitAttributes } from './attempts.ts';
export { instruments, type Instruments } from './instruments.ts';
export { logLevels, makeLogger } from './logger.ts';
export { attributeNames, spanEvents, spanNames } from './names.ts';
export {
  contextFrom,
  contextOrActive,
  failSpan,
  inject,
  injectSpan,
  injectTrace,
  inSpan,
  openSpan,
  traceContextFrom,
  traceLink,
  traceparentOf,
} from './spans.ts';
export type { Attributes, Span } from '@opentelemetry/api';
