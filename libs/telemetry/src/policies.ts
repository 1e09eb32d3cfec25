import { instruments } from './instruments.ts';

/** The report of a policy watch after each read, for its `onLook`. */
export interface PoliciesState {
  readonly version: number;
  /** Milliseconds since the central table was read. */
  readonly staleMs: number;
  readonly refused: readonly unknown[];
}

/**
 * Records the age of the central policies and the number of refused rules. Use: `policyWatch({ …, onLook:
 * recordPolicies })`.
 */
export function recordPolicies({ version, staleMs, refused }: PoliciesState): void {
  const made = instruments();
  made.policyVersion.record(version);
  made.policyStaleness.recordMs(staleMs);
  made.policyRefused.record(refused.length);
}
