import type { DomainEvent } from '@convergekit/contracts';
import { createOutbox } from '@convergekit/outbox';
import { executorOf } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import type { Clock, Random } from '@convergekit/core';
import type { Transaction } from 'kysely';
import { hashOf, toJson } from './canonical.ts';
import { repairsAllowed, type Outcome, decideFinish } from './decide.ts';
import type { Databases, RepairResult } from './definition.ts';
import { ReconcileError } from './errors.ts';
import type { Claim } from './claim.ts';
import { lockClaim, finishKey } from './key-queue.ts';
import { type Observation, observe, readActual, versionOf } from './observe.ts';
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
}

const auditSql = `
  insert into converge.reconcile_audit (reconciler, key, desired, before, after, drift, why, cause, actor, term)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`;

type Read = Extract<Observation, { kind: 'read' }>;

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
export async function repair(request: RepairRequest, seen: Read): Promise<Outcome> {
  const { reconciler, databases, clock, random } = request;
  const outside = executorOf(databases.actual);
  const state = await readState(outside, reconciler.name);
  const driftHash = hashOf(seen.drift);
  if (state.held !== null) return { kind: 'held', driftHash, first: false };
  const allowed = repairsAllowed(reconciler, state.lastRunKeys);
  try {
    return await kyselyTransaction(databases.actual, { clock, random }, (tx) =>
      repairIn(tx, request, seen, allowed),
    );
  } catch (error) {
    if (!(error instanceof Abandon)) throw error;
    if (error.outcome.kind === 'held') {
      const reason = `a window allows ${allowed} repairs (${state.lastRunKeys} keys in the last run), and one more is due`;
      return { ...error.outcome, first: await holdRepairs(outside, reconciler.name, reason) };
    }
    return error.outcome;
  }
}

async function repairIn(
  tx: Transaction<unknown>,
  request: RepairRequest,
  before: Read,
  allowed: number,
): Promise<Outcome> {
  const { reconciler, claim } = request;
  const { name, limits } = reconciler;
  const executor = executorOf(tx);
  if (!(await lockClaim(executor, claim)))
    throw new ReconcileError(`the claim on key ${claim.key} of ${name} was lost: another worker repairs it`, {
      code: 'CLAIM_LOST',
      category: 'contention',
    });
  const seen = await observeUnderLock(tx, request, before);
  const driftHash = hashOf(seen.drift);
  const events: DomainEvent[] = [];
  const emit = (event: DomainEvent): void => void events.push(event);
  const written = await reconciler.repair(seen.drift, { tx, key: claim.key, drift: seen.drift, emit });
  if (rowsOf(name, written) === 0) throw new Abandon({ kind: 'conflict', driftHash });
  for (const invariant of reconciler.invariants ?? [])
    if (!(await invariant.holds(claim.key, tx))) throw invariantError(name, claim.key, invariant.name);
  const after = await readActual(reconciler, claim.key, tx);
  const { desired, actual, drift } = seen;
  const why = reconciler.why?.(drift) ?? name;
  const { key, cause, term } = claim;
  const states = [desired, actual, after, drift].map(toJson);
  await executor.query(auditSql, [name, key, ...states, why, cause, request.actor, term.toString()]);
  if (!(await spendRepair(executor, { reconciler: name, allowed, windowMs: limits.windowMs })))
    throw new Abandon({ kind: 'held', driftHash, first: false });
  const outcome: Outcome = { kind: 'repaired', version: versionOf(reconciler, after) };
  await finishKey(executor, claim, decideFinish(outcome, claim, reconciler, request.random));
  if (events.length > 0) await createOutbox(reconciler.emits ?? []).append(executor, events);
  return outcome;
}

/** Locks the rows and reads them again. Hot keys need the lock: their repair would conflict again and again. */
async function observeUnderLock(
  tx: Transaction<unknown>,
  { reconciler, claim, databases }: RepairRequest,
  before: Read,
): Promise<Read> {
  if (reconciler.actual.lock === undefined || claim.conflicts < CONFLICTS_BEFORE_LOCK) return before;
  await reconciler.actual.lock(claim.key, tx);
  const locked = { desired: databases.desired, actual: tx };
  const seen = await observe(reconciler, claim.key, locked, claim.lastVersionWritten);
  if (seen.kind !== 'read') throw new Abandon(seen);
  if (seen.drift === null) throw new Abandon({ kind: 'in_sync' });
  return seen;
}

function rowsOf(reconciler: string, written: RepairResult | undefined): number {
  if (typeof written === 'number') return written;
  if (typeof written === 'object') {
    if ('numUpdatedRows' in written) return Number(written.numUpdatedRows);
    if ('numDeletedRows' in written) return Number(written.numDeletedRows);
    if ('numInsertedOrUpdatedRows' in written) return Number(written.numInsertedOrUpdatedRows ?? 0);
  }
  throw new ReconcileError(
    `the repair of ${reconciler} returned ${String(written)}: return the number of rows that it wrote, or the result of executeTakeFirst, so that a conflict differs from a success`,
    { code: 'REPAIR_INVALID', category: 'bug' },
  );
}

function invariantError(reconciler: string, key: string, invariant: string): ReconcileError {
  return new ReconcileError(
    `the repair of key ${key} by ${reconciler} would break the invariant "${invariant}": rolled back, an operator has to look`,
    { code: 'INVARIANT_BROKEN', category: 'business' },
  );
}
