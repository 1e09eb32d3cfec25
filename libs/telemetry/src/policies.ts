import type { Failure } from '@convergekit/core';
import { instruments } from './instruments.ts';
import { attributeNames } from './names.ts';

/** What a policy watch tells after each look: for its `onLook`. */
export interface PoliciesSeen {
  readonly version: number;
  /** Milliseconds since the central table was read. */
  readonly staleMs: number;
  readonly refused: readonly unknown[];
}

/** `policyWatch({ …, onLook: recordPolicies })`: how old the central policies are, and how many rules are refused. */
export function recordPolicies({ version, staleMs, refused }: PoliciesSeen): void {
  const made = instruments();
  made.policyVersion.record(version);
  made.policyStaleness.recordMs(staleMs);
  made.policyRefused.record(refused.length);
}

/** `classifier({ …, onUnknown: countUnknownFailure })`: errors for which a rule should be written. */
export function countUnknownFailure({ category }: Pick<Failure, 'category'>): void {
  instruments().failuresUnknown.add(1, { [attributeNames.category]: category });
}
