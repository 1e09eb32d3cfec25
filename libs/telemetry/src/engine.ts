/**
 * Exports for other packages of the kit; applications do not need them. They may change in any version. Nothing here
 * loads the logger, which programs that only emit do without.
 */
export { afterAttempts, inAttempt } from './attempt-span.ts';
export { countAttempt, recordDuration, waitAttributes } from './attempts.ts';
export { humanLine } from './human-line.ts';
export { instruments, type Instruments } from './instruments.ts';
export { loggableError, stackText } from './loggable-error.ts';
export { LineLimit } from './line-limit.ts';
export { logLevels } from './log-levels.ts';
export { attributeNames, type Labels, spanNames } from './names.ts';
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
export type { Context, Span } from '@opentelemetry/api';
