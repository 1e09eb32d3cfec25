import type { Assignment, BrokerError } from '@convergekit/broker/engine';

/**
 * The server that serves the partitions. In local mode it is one for all; tests of the port take it away and move it.
 */
export interface Leadership {
  /** Returns the number of the server that a look-up finds now; undefined while none serves. */
  lookUp(): number | undefined;
  /** Returns the error of a request for a partition that is not served. */
  refusalOf(place: Assignment): BrokerError | undefined;
}

export const oneServer: Leadership = { lookUp: () => 0, refusalOf: () => undefined };
