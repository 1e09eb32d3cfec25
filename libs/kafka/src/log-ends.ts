import { BrokerError } from './broker-error.ts';

export interface LogEnds {
  readonly partition: number;
  readonly earliest: bigint;
  /** One past the last record. */
  readonly latest: bigint;
}

/** The ends of every partition. Throws the first error. */
export function requireEnds(found: readonly (LogEnds | BrokerError)[]): readonly LogEnds[] {
  return found.map((ends) => {
    if (ends instanceof BrokerError) throw ends;
    return ends;
  });
}
