import { executorOf } from '@convergekit/postgres';
import { classify } from '@convergekit/resilience';
import type { Clock, Random } from '@convergekit/core';
import { attributeNames, instruments, spanNames } from '@convergekit/telemetry/engine';
import { type Logger, withSpan } from '@convergekit/telemetry';
import { hashOf } from './canonical.ts';
import { type Outcome, type OutcomeKind, decideFinish, decideDrift } from './decide.ts';
import type { Databases } from './definition.ts';
import type { Claim } from './claim.ts';
import { finishKey } from './key-queue.ts';
import { observe } from './observe.ts';
import type { Reconciler } from './reconciler.ts';
import { repair } from './repair.ts';

export interface ReconcileContext {
  readonly reconciler: Reconciler;
  readonly databases: Databases<unknown, unknown>;
  /** The author of repairs, for the audit. */
  readonly actor: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** The outcome of a key. `lost`: the lease expired and another worker holds it; nothing was written. */
export type Processed = OutcomeKind | 'lost';

/** Compares, decides and finishes one claimed key. Rejects only if the queue itself cannot be written. */
export async function processKey(context: ReconcileContext, claim: Claim): Promise<Processed> {
  const { reconciler, databases, random } = context;
  const attributes = { [attributeNames.reconciler]: reconciler.name };
  const outcome = await withSpan(spanNames.reconcile(reconciler.name), { kind: 'internal', attributes }, () =>
    reconcileKey(context, claim).catch((error: unknown): Outcome => ({
      kind: 'failed',
      failure: classify(error),
    })),
  );
  report(context, claim, outcome);
  if (outcome.kind === 'repaired') return 'repaired'; // the repair's transaction finished the key
  const settlement = decideFinish(outcome, claim, reconciler, random);
  const settled = await finishKey(executorOf(databases.actual), claim, settlement);
  return settled ? outcome.kind : 'lost';
}

async function reconcileKey(context: ReconcileContext, claim: Claim): Promise<Outcome> {
  const { reconciler, databases, actor, clock, random } = context;
  const seen = await observe(reconciler, claim.key, databases, claim.lastVersionWritten);
  if (seen.kind !== 'read') return seen;
  if (seen.drift === null) return { kind: 'in_sync' };
  return (
    decideDrift(reconciler, claim, seen.drift, hashOf(seen.drift)) ??
    (await repair({ reconciler, claim, databases, actor, clock, random }, seen))
  );
}

function report({ reconciler, log }: ReconcileContext, claim: Claim, outcome: Outcome): void {
  const { key } = claim;
  const { kind } = outcome;
  const labels = { [attributeNames.reconciler]: reconciler.name, [attributeNames.outcome]: kind };
  if (kind !== 'in_sync') instruments().reconcileDrift.add(1, labels);
  switch (kind) {
    case 'in_sync':
    case 'changed':
    case 'stale':
    case 'pending':
    case 'conflict':
      return;
    case 'observed':
      if (reconciler.mode === 'warn') log.warn({ reconciler: reconciler.name, key }, 'drift');
      return;
    case 'repaired':
      log.info({ reconciler: reconciler.name, key, cause: claim.cause }, 'repaired');
      return;
    case 'held':
      if (outcome.first)
        log.error(
          { reconciler: reconciler.name, key },
          'too many repairs are due: held until an operator approves',
        );
      return;
    case 'unresolvable':
      log.error(
        { reconciler: reconciler.name, key, reason: outcome.reason },
        'drift that no program may repair',
      );
      return;
    case 'failed': {
      const { category, code, message } = outcome.failure;
      log.warn({ reconciler: reconciler.name, key, category, code }, message);
      return;
    }
  }
}
