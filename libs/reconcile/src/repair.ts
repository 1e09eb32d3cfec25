import type { DomainEvent } from '@convergekit/contracts';
import { createOutbox } from '@convergekit/outbox';
import { executorOf } from '@convergekit/postgres';
import { guardOf, kyselyTransaction } from '@convergekit/postgres/engine';
import type { Clock, Random } from '@convergekit/core';
import { shellWord } from '@convergekit/core/engine';
import type { Logger } from '@convergekit/telemetry';
import type { Transaction } from 'kysely';
import { appendAudit, auditedStates } from './audit/audit-sql.ts';
import { hashOf } from './verdict/canonical.ts';
import { decideFinish, heldReason, repairsAllowed } from './decide.ts';
import type { Databases } from './definition.ts';
import { ReconcileError } from './errors.ts';
import { type Arrived, confirmArrived, findOvertaken } from './in-flight/check-arrival.ts';
import { pendingOutcome } from './in-flight/observe-arrived.ts';
import type { Claim, Outcome } from './claim.ts';
import { finishKey, keyQueue } from './key-queue.ts';
import { checkOwned, checkVersion } from './guard/check-state.ts';
import { lockRows } from './guard/locked-rows.ts';
import { runRepair } from './guard/run-repair.ts';
import type { JudgedDrift } from './verdict/modes.ts';
import { observe, readActual, versionOf } from './observe.ts';
import type { Reconciler } from './reconciler.ts';
import { holdRepairs, readState, spendRepair } from './window.ts';

/** Number of conflicts on a key before its rows are locked first. */
export const CONFLICTS_BEFORE_LOCK = 3;

export interface RepairRequest {
  readonly reconciler: Reconciler;
  readonly claim: Claim;
  readonly databases: Databases<unknown, unknown>;
  readonly actor: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** A key that was read and is divergent. */
export interface Divergent {
  readonly desired: unknown;
  readonly actual: unknown;
  readonly judged: JudgedDrift;
  readonly arrived?: Arrived | undefined;
}

/** Thrown to end the transaction with an outcome and roll it back. */
class Abandon extends Error {
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super(outcome.kind);
    this.outcome = outcome;
  }
}

/**
 * Repairs a key in one transaction of actual's database: all of it or nothing.
 * It contains the fence, the repair, the invariants, the audit row, the use of the window, the key's next state and the
 * events. It rejects with CLAIM_LOST if another worker holds the key now.
 */
export async function repair(request: RepairRequest, seen: Divergent): Promise<Outcome> {
  const { reconciler, databases, clock, random } = request;
  const outside = executorOf(databases.actual);
  const state = await readState(outside, reconciler.name);
  const driftHash = hashOf(seen.judged.drift);
  if (state.held !== null) return { kind: 'held', driftHash, first: false };
  const allowed = repairsAllowed(reconciler, state.lastRunKeys);
  try {
    return await kyselyTransaction(databases.actual, { clock, random }, (tx) =>
      repairIn(tx, request, seen, allowed),
    );
  } catch (error) {
    if (!(error instanceof Abandon)) throw error;
    if (error.outcome.kind === 'held') {
      const reason = heldReason(allowed, state.lastRunKeys);
      return { ...error.outcome, first: await holdRepairs(outside, reconciler.name, reason) };
    }
    return error.outcome;
  }
}

async function repairIn(
  tx: Transaction<unknown>,
  request: RepairRequest,
  before: Divergent,
  allowed: number,
): Promise<Outcome> {
  const { reconciler, claim } = request;
  const { name, limits } = reconciler;
  const executor = executorOf(tx);
  if (!(await keyQueue.lock(executor, claim)))
    throw new ReconcileError(`the claim on key ${claim.key} of ${name} was lost: another worker repairs it`, {
      code: 'CLAIM_LOST',
      category: 'contention',
    });
  const seen = await observeUnderLock(tx, request, before);
  const driftHash = hashOf(seen.judged.drift);
  const events: DomainEvent[] = [];
  const emit = (event: DomainEvent): void => void events.push(event);
  (await guardOf(tx))?.follow(() => {
    const { length } = events;
    return () => (events.length = length);
  });
  const stray = (err: unknown, line: string): void => request.log.error({ err }, line);
  if ((await runRepair({ tx, reconciler, key: claim.key, seen, emit, stray })) === 'conflict')
    throw new Abandon({ kind: 'conflict', driftHash });
  const open = before.arrived && (await confirmArrived(executor, before.arrived, claim.wait));
  if (open !== undefined) throw new Abandon(pendingOutcome(open, seen.judged.drift));
  for (const invariant of reconciler.invariants ?? [])
    if (!(await invariant.holds(claim.key, tx))) throw invariantError(name, claim.key, invariant.name);
  const after = await readActual(reconciler, claim.key, tx);
  checkOwned(reconciler, claim.key, seen.actual, after);
  checkVersion(reconciler, claim.key, seen.actual, after);
  await appendAudit(executor, { claim, actor: request.actor, ...auditedStates(reconciler, seen), after });
  const { key } = claim;
  if (!(await spendRepair(executor, { reconciler: name, key, allowed, windowMs: limits.windowMs })))
    throw new Abandon({ kind: 'held', driftHash, first: false });
  const outcome: Outcome = { kind: 'repaired', version: versionOf(reconciler, after) };
  await finishKey(executor, claim, decideFinish(outcome, claim, reconciler, request.random));
  if (events.length > 0) await createOutbox(reconciler.emits ?? []).append(executor, events);
  return outcome;
}

function needsLock({ reconciler, claim }: RepairRequest): boolean {
  return reconciler.lock !== undefined && claim.conflicts >= CONFLICTS_BEFORE_LOCK;
}

/** Locks the rows and reads them again. Hot keys need the lock: their repair would conflict again and again. */
async function observeUnderLock(
  tx: Transaction<unknown>,
  request: RepairRequest,
  before: Divergent,
): Promise<Divergent> {
  const { reconciler, claim, databases } = request;
  if (!needsLock(request)) return before;
  await lockRows(reconciler, claim.key, tx);
  const locked = { desired: databases.desired, actual: tx };
  const seen = await observe(reconciler, claim.key, locked, claim.lastVersionWritten);
  if (seen.kind !== 'read') throw new Abandon(seen);
  const { desired, actual, judged } = seen;
  if (judged === null) throw new Abandon({ kind: 'in_sync' });
  if (judged.mode !== 'repair')
    throw new Abandon({ kind: 'observed', driftHash: hashOf(judged.drift), mode: judged.mode });
  // The states were read again, so events that were emitted since the first reads count, too.
  const overtaken = before.arrived && (await findOvertaken(databases, before.arrived, claim.wait));
  if (overtaken !== undefined) throw new Abandon(pendingOutcome(overtaken, judged.drift));
  return { desired, actual, judged };
}

function invariantError(reconciler: string, key: string, invariant: string): ReconcileError {
  return new ReconcileError(
    `the repair of key ${key} by ${reconciler} would break the invariant "${invariant}": rolled back, an operator has to look at it: \`converge reconcile diff ${reconciler} ${shellWord(key)}\``,
    { code: 'INVARIANT_BROKEN', category: 'business' },
  );
}
