import { hashOf } from '../verdict/canonical.ts';
import type { Claim, Outcome } from '../claim.ts';
import type { Databases } from '../definition.ts';
import { type Observation, observe } from '../observe.ts';
import type { Reconciler } from '../reconciler.ts';
import { checkArrival, findOvertaken, type PendingCheck } from './check-arrival.ts';
import type { InFlight } from './in-flight.ts';

type PendingOutcome = Extract<Outcome, { kind: 'pending' }>;

export interface ArrivedRequest {
  readonly reconciler: Reconciler;
  readonly inFlight: InFlight;
  readonly databases: Databases<unknown, unknown>;
  readonly claim: Claim;
  /** What a first look found. */
  readonly drift: unknown;
}

/**
 * Observes a drift again after all events of its key were handled.
 * The order is the proof: (1) everything emitted before the frontier's snapshot was handled before actual is read, so actual
 * reflects it; (2) nothing was emitted between that snapshot and the end of the reads. So desired and actual reflect the same
 * events. Without (2) desired may have changed there and back, which comparing it with itself cannot show.
 */
export async function observeArrived({
  reconciler,
  inFlight,
  databases,
  claim,
  drift,
}: ArrivedRequest): Promise<Observation | PendingOutcome> {
  const { key, wait: before, lastVersionWritten } = claim;
  const check = await checkArrival({ inFlight, key, databases, before });
  if (check.kind === 'pending') return pendingOutcome(check, drift);
  const { arrived } = check;
  const seen = await observe(reconciler, key, databases, lastVersionWritten);
  if (seen.kind !== 'read' || seen.judged === null) return seen;
  const overtaken = await findOvertaken(databases, arrived, before);
  if (overtaken !== undefined) return pendingOutcome(overtaken, seen.judged.drift);
  return { ...seen, arrived };
}

/** Makes the outcome of a key that waits. Pure. */
export function pendingOutcome({ why, wait }: PendingCheck, drift: unknown): PendingOutcome {
  return { kind: 'pending', driftHash: hashOf(drift), pending: why, wait, remainingMs: 0 };
}
