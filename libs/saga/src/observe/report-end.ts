import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { InstanceState } from './judge.ts';

/** A saga that has ended; times are those of the events, in ISO 8601. */
export interface EndedSaga {
  readonly saga: string;
  readonly state: InstanceState;
  readonly endedAt: string;
  /** The first failure of a step. Undefined: no step failed. */
  readonly failedAt: string | undefined;
}

/** Counts a saga that has ended, and records how long it took from its first failure on. */
export function reportEnd({ saga, state, endedAt, failedAt }: EndedSaga): void {
  const labels = { [attributeNames.saga]: saga, [attributeNames.state]: state };
  instruments().sagaEnded.add(1, labels);
  if (failedAt === undefined) return;
  // The clocks of two services may differ by more than the recovery took.
  const tookMs = Math.max(0, Date.parse(endedAt) - Date.parse(failedAt));
  instruments().sagaRecovery.recordMs(tookMs, labels);
}
