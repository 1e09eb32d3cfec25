import { type Database, executorOf } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import type { Clock, Random } from '@convergekit/core';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Logger } from '@convergekit/telemetry';
import { DEFAULT_KEEP_MS } from '../declare/saga.ts';
import {
  dueRuns,
  type IncompleteJoin,
  incompleteJoins,
  type OldRow,
  oldRows,
  raiseHorizon,
  readHorizon,
  sagasHere,
  sweepRuns,
} from './sweep-sql.ts';

export type SweptJoin = IncompleteJoin & { readonly saga: string };

/** The runs that left, and the incomplete joins among their rows. */
interface Swept {
  runs: number;
  readonly joins: SweptJoin[];
}

interface SweepOptions<DB> {
  readonly database: Pick<Database<DB>, 'db' | 'executor'>;
  /** The milliseconds that records are kept after a run's last move, by saga. @default 90 days */
  readonly keepMs: ReadonlyMap<string, number>;
  /** The milliseconds between raising the horizon and a removal: more than a transaction takes. @default 600_000 */
  readonly settleMs?: number;
  readonly clock: Clock;
  readonly random: Random;
}

/** Rows looked at in one page; the runs of one transaction are fewer. */
const PAGE = 1_000;

/**
 * Takes out what this service knows of sagas that ended long ago. A run that is open here in any way stays whole. Rows
 * leave below a horizon that an earlier round committed, so that a late trigger is never taken for the first one.
 */
export async function sweepSagas<DB>(options: SweepOptions<DB>): Promise<Swept> {
  const {
    database: { executor },
    keepMs,
    settleMs = 600_000,
  } = options;
  const swept: Swept = { runs: 0, joins: [] };
  for (const saga of new Set([...keepMs.keys(), ...(await sagasHere(executor))])) {
    const horizon = await readHorizon(executor, saga);
    if (horizon !== undefined && horizon.ageMs < settleMs) continue;
    if (horizon !== undefined) await sweepBelow(options, saga, horizon.before, swept);
    await raiseHorizon(executor, saga, keepMs.get(saga) ?? DEFAULT_KEEP_MS);
  }
  return swept;
}

async function sweepBelow<DB>(
  { database: { db, executor }, clock, random }: SweepOptions<DB>,
  saga: string,
  before: string,
  swept: Swept,
): Promise<void> {
  const looked = new Set<string>();
  let after: OldRow | undefined;
  for (;;) {
    const rows = await oldRows(executor, saga, before, after, PAGE);
    after = rows.at(-1);
    if (after === undefined) return;
    const instances = [...new Set(rows.map(({ instance }) => instance))].filter((one) => !looked.has(one));
    for (const one of instances) looked.add(one);
    if (instances.length === 0) continue;
    const left = await kyselyTransaction(db, { clock, random }, async (tx) => {
      const due = await dueRuns(executorOf(tx), saga, instances, before);
      if (due.length === 0) return { runs: 0, joins: [] };
      const joins = await incompleteJoins(executorOf(tx), saga, due, before);
      await sweepRuns(executorOf(tx), saga, due, before);
      return { runs: due.length, joins };
    });
    swept.runs += left.runs;
    for (const join of left.joins) swept.joins.push({ saga, ...join });
  }
}

/** Sweeps the records of sagas for a worker, and raises `join_swept` for each incomplete join that left. */
export async function sweepRecords<DB>({
  log,
  ...options
}: SweepOptions<DB> & { readonly log: Logger }): Promise<void> {
  const { runs, joins } = await sweepSagas(options);
  for (const { waits_for: waitsFor, ...join } of joins) {
    instruments().sagaJoinsSwept.add(1, { [attributeNames.saga]: join.saga });
    log.warn(
      { alarm: 'join_swept', ...join, waitsFor },
      'a run left whose step never heard of all members of its group: expected where the group failed and the saga was compensated',
    );
  }
  if (runs > 0) log.info({ runs }, 'what this service knew of sagas that ended long ago has left');
}
