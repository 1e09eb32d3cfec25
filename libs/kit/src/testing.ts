/**
 * Exports for tests of a service: real servers, one event, several services until quiet, a saga in every order; the graph of
 * a saga checked and drawn, its history recorded and replayed.
 */
export { memoryBroker } from '@convergekit/broker/testing';
export { seededRandom } from '@convergekit/core';
export { checkGraph, drawSaga } from '@convergekit/saga/declare';
export { recordHistory, replayHistory } from '@convergekit/saga/testing';
export {
  faultProxy,
  freshDatabase,
  freshTopic,
  manualClock,
  startPostgres,
  startStack,
  type TestPostgres,
  waitUntil,
  withPostgres,
  withStack,
} from '@convergekit/testing';
export {
  applyAll,
  applyOne,
  type EmittedEvent,
  eventsOf,
  type Outcome,
  type RunEnd,
  sagaTrial,
  serviceDatabase,
  stubCall,
} from '@convergekit/testing/service';
