/** Handling of HTTP requests: clients that have gone, deadlines, spans, and the answers to failures. */
export { clientSignal } from '@convergekit/config';
export { deadlineHeaders, httpAnswer, type HttpAnswer, readDeadline } from '@convergekit/resilience';
export { type RequestSpan, requestSpan, type ServedRequest } from '@convergekit/telemetry';
