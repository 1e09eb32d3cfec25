/** Exports for processes of the kit that run a relay; applications do not need them. They may change in any version. */
export { brokerNotice } from './process/broker-notice.ts';
export { relayOptions } from './process/relay-options.ts';
export { relayChecks, standsBy } from './process/relay-state.ts';
