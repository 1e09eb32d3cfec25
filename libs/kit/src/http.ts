/** Handling of HTTP requests: a server that drains, deadlines, spans, and the answers to failures. */
export { clientSignal, httpServer, type HttpServer } from '@convergekit/config';
export { deadlineHeaders, httpAnswer, type HttpAnswer, readDeadline } from '@convergekit/resilience';
export { type RequestSpan, requestSpan, type ServedRequest } from '@convergekit/telemetry';
