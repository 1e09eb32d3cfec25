/** Exports for tests of a service: a real stack, fresh databases and topics, a manual clock. */
export {
  faultProxy,
  freshDatabase,
  freshTopic,
  manualClock,
  startStack,
  waitUntil,
  withStack,
} from '@convergekit/testing';
