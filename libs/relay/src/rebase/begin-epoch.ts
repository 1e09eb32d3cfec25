import { type Executor, withTransaction } from '@convergekit/postgres';
import { type Operator, recordAct } from '@convergekit/postgres/operate';
import { systemClock, systemRandom } from '@convergekit/core';
import type { Takeover } from '../leader/takeover-sql.ts';
import type { DatabaseFacts } from '../log-check/facts-sql.ts';
import { LEASE } from '../options.ts';
import type { RelayDatabase } from '../ports.ts';
import { least, type RebasePlan } from './plan.ts';
import { type Phantom, requireLease, writeCursors, writePhantoms } from './rebase-sql.ts';
import { restamp } from './restamp.ts';

export interface EpochBegin extends Operator {
  readonly takeover: Takeover;
  readonly plan: RebasePlan;
  readonly phantoms: readonly Phantom[];
  readonly facts: DatabaseFacts;
  /** The tables were loaded into another cluster. */
  readonly newTransactionIds: boolean;
}

/** Writes a new epoch to the database, in one transaction. */
export function beginEpoch(database: RelayDatabase, begin: EpochBegin): Promise<void> {
  return withTransaction(database, { clock: systemClock, random: systemRandom }, (tx) =>
    writeEpoch(tx, begin),
  );
}

/** Runs the statements of `beginEpoch` and rolls them back. Rejects with what would keep the epoch from beginning. */
export async function rehearseEpoch(database: RelayDatabase, begin: EpochBegin): Promise<void> {
  const undone = new Error('the rehearsal is rolled back');
  await withTransaction(database, { clock: systemClock, random: systemRandom }, async (tx) => {
    await writeEpoch(tx, begin);
    throw undone;
  }).catch((error: unknown) => {
    if (error !== undone) throw error;
  });
}

async function writeEpoch(
  tx: Executor,
  { takeover, plan, phantoms, facts, newTransactionIds, by, reason }: EpochBegin,
): Promise<void> {
  const { source, topics, term } = takeover;
  const { epoch, forkedTick } = plan;
  // The window before the first one that is not wholly in the log.
  const low = topics
    .flatMap(({ heldAt }) => heldAt ?? [])
    .reduce((lowest, heldAt) => least(lowest, heldAt - 1n), plan.doneTick);
  await requireLease(tx, LEASE, term);
  await tx.query('update converge.source set epoch = $1', [epoch]);
  await writePhantoms(tx, epoch, phantoms);
  const after = { epoch, forkedTick: `${forkedTick}`, phantoms: phantoms.length };
  await recordAct(tx, { act: 'source rebase', subject: source.name, by, reason, after });
  const going = newTransactionIds
    ? await restamp(tx, plan, { latestTick: facts.reach.latest, low, term })
    : plan;
  await writeCursors(tx, going, facts.identity);
}
