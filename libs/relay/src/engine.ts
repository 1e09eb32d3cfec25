/** Exports for processes of the kit that run a relay; applications do not need them. They may change in any version. */
import { brokerNotice } from './process/broker-notice.ts';
import { relayOptions } from './process/relay-options.ts';
import { relayChecks, standsBy } from './process/relay-state.ts';

/** What a process that runs relays needs beside them. */
export const relayProcess = {
  options: relayOptions,
  checks: relayChecks,
  standsBy,
  noticeBroker: brokerNotice,
} as const;
