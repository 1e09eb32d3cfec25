/** What tests of a service use: a real stack, fresh databases and topics, and time that a test moves. */
export {
  faultProxy,
  freshDatabase,
  freshTopic,
  manualClock,
  startStack,
  waitUntil,
  withStack,
} from '@convergekit/testing';
