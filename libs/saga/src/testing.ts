/** Exports for tests of a service: histories of its sagas, recorded once and replayed by later code. */
export { type RecordedDecision, recordHistory, replayHistory, type SagaHistory } from './verify/history.ts';
