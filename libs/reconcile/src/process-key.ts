import { executorOf } from '@convergekit/postgres';
import type { Counter } from '@convergekit/postgres/engine';
import { classify } from '@convergekit/resilience';
import type { Clock, Random } from '@convergekit/core';
import { attributeNames, spanNames } from '@convergekit/telemetry/engine';
import { type Logger, withSpan } from '@convergekit/telemetry';
import { auditedStates, type AuditRow } from './audit/audit-sql.ts';
import { hashOf } from './verdict/canonical.ts';
import { decideDrift, decideFinish, type KeyFinish } from './decide.ts';
import type { Databases } from './definition.ts';
import type { Claim, Outcome, OutcomeKind } from './claim.ts';
import { observeArrived } from './in-flight/observe-arrived.ts';
import { waitAgain } from './in-flight/wait.ts';
import { finishKey } from './key-queue.ts';
import { confirm, glance, type Look, type Observation } from './observe.ts';
import type { Reconciler } from './reconciler.ts';
import { type Divergent, repair } from './repair.ts';
import { countOutcome, reportOutcome } from './verdict/report.ts';

export interface ReconcileContext {
  readonly reconciler: Reconciler;
  readonly databases: Databases<unknown, unknown>;
  /** The author of repairs, for the audit. */
  readonly actor: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** What the charts of the console show of this reconciler. */
  readonly counter: Counter;
}

/** The outcome of a key. `lost`: the lease expired and another worker holds it; nothing was written. */
export type Processed = OutcomeKind | 'lost';

/** An outcome with the states that it is about; without them where none were read. */
export interface Judgement {
  readonly outcome: Outcome;
  readonly seen?: Divergent | undefined;
}

/** Compares one claimed key, and repairs it if that is decided. It never rejects. */
export async function judgeKey(context: ReconcileContext, claim: Claim): Promise<Judgement> {
  const { name } = context.reconciler;
  const attributes = { [attributeNames.reconciler]: name };
  const judged = await withSpan(spanNames.reconcile(name), { kind: 'internal', attributes }, () =>
    reconcileKey(context, claim).catch((error: unknown): Judgement => ({ outcome: outcomeOf(error, null) })),
  );
  countOutcome(context.counter, judged.outcome.kind);
  reportOutcome(context, claim, judged.outcome);
  return judged;
}

/** Finishes a key whose outcome is known; `forget` deletes it, false = it stays. Rejects only if the queue itself cannot be written. */
export async function finishJudged(
  context: ReconcileContext,
  claim: Claim,
  judged: Judgement,
  forget: (claim: Claim) => Promise<boolean>,
): Promise<Processed> {
  const { reconciler, databases, random } = context;
  const { outcome } = judged;
  if (outcome.kind === 'repaired') return 'repaired'; // the repair's transaction finished the key
  const finish = decideFinish(outcome, claim, reconciler, random);
  if (finish.forget && (await forget(claim))) return outcome.kind;
  const audit = auditOf(context, claim, finish, judged);
  return (await finishKey(executorOf(databases.actual), claim, finish, audit)) ? outcome.kind : 'lost';
}

async function reconcileKey(context: ReconcileContext, claim: Claim): Promise<Judgement> {
  const { reconciler, databases, actor, clock, random, log } = context;
  const read = await observeClaimed(reconciler, databases, claim);
  if (read.kind !== 'read') return { outcome: read };
  const { desired, actual, judged, arrived } = read;
  if (judged === null) return { outcome: { kind: 'in_sync' } };
  const seen = { desired, actual, judged, arrived };
  const driftHash = hashOf(judged.drift);
  // What has arrived need not arrive again while the drift settles.
  const wait = waitAgain(claim.wait, 'settling', arrived?.flight ?? null);
  const decided = decideDrift(reconciler, { ...claim, wait }, judged, driftHash);
  if (decided !== null) return { outcome: decided, seen };
  const outcome = await repair({ reconciler, claim, databases, actor, clock, random, log }, seen).catch(
    (error: unknown) => outcomeOf(error, driftHash),
  );
  return { outcome, seen };
}

/**
 * Observes a key. One that agrees and has no past costs one read of each side: a change between both may hide a drift of it,
 * which its next report or scan finds.
 */
async function observeClaimed(
  reconciler: Reconciler,
  databases: Databases<unknown, unknown>,
  claim: Claim,
): Promise<Observation | Extract<Outcome, { kind: 'pending' }>> {
  const look: Look = [reconciler, claim.key, databases, claim.lastVersionWritten];
  const { inFlight } = reconciler;
  const first = await glance(...look);
  if (first.kind !== 'read') return first;
  if (first.judged === null) return hasPast(claim) ? confirm(first, ...look) : first;
  if (inFlight === undefined) return confirm(first, ...look);
  return observeArrived({ reconciler, inFlight, databases, claim, drift: first.judged.drift });
}

function hasPast({ driftHash, wait, repairs, lastVersionWritten }: Claim): boolean {
  return driftHash !== null || wait !== null || repairs > 0 || lastVersionWritten !== null;
}

/** Errors of repairs that the kit rolled back. */
const REFUSALS = new Set(['INVARIANT_BROKEN', 'REPAIR_UNGUARDED', 'REPAIR_NOT_OWNED']);

function outcomeOf(error: unknown, driftHash: string | null): Outcome {
  const failure = classify(error);
  return { kind: REFUSALS.has(failure.code) ? 'refused' : 'failed', driftHash, failure };
}

/** Returns the audit row of a verdict that differs from the key's last one; undefined = none is due. */
function auditOf(
  { reconciler, actor }: ReconcileContext,
  claim: Claim,
  { verdict, reason }: KeyFinish,
  { outcome, seen }: Judgement,
): AuditRow | undefined {
  if (verdict === null || verdict === claim.verdict) return undefined;
  const states = seen === undefined ? noStates : auditedStates(reconciler, seen);
  const why = [seen === undefined ? null : states.why, reason].filter((text) => text !== null && text !== '');
  return { ...states, verdict: outcome.kind, why: why.join('; '), actor };
}

const noStates = { desired: null, before: null, drift: null, why: '' } as const;
