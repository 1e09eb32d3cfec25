import type { SweepOptions, SweepRecords } from '../effects/effect/types.ts';
import { executorOf } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
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

interface SagaSweepOptions<DB> extends Omit<SweepOptions<DB>, 'log'> {
  /**
   * The time between raising the horizon and the first removal below it. It is longer than any transaction that began
   * before. In milliseconds. @default 600_000 (10 minutes)
   */
  readonly settleMs?: number;
  /** Called with each incomplete join, once its run is removed. */
  readonly onIncomplete: (join: SweptJoin) => void;
}

/** Rows looked at in one page; the runs of one transaction are fewer. */
const PAGE = 1_000;

/**
 * Takes out what this service knows of sagas that ended long ago. A run that is open here in any way stays whole. Rows
 * leave below a horizon that an earlier round committed, so that a late trigger is never taken for the first one. Returns how
 * many runs left.
 */
export async function sweepSagas<DB>(options: SagaSweepOptions<DB>): Promise<number> {
  const {
    database: { executor },
    keepMs,
    settleMs = 600_000,
  } = options;
  let swept = 0;
  for (const saga of new Set([...keepMs.keys(), ...(await sagasHere(executor))])) {
    const horizon = await readHorizon(executor, saga);
    if (horizon !== undefined && horizon.ageMs < settleMs) continue;
    if (horizon !== undefined) swept += await sweepBelow(options, saga, horizon.before);
    await raiseHorizon(executor, saga, keepMs.get(saga) ?? DEFAULT_KEEP_MS);
  }
  return swept;
}

async function sweepBelow<DB>(
  { database: { db, executor }, onIncomplete, clock, random }: SagaSweepOptions<DB>,
  saga: string,
  before: string,
): Promise<number> {
  const looked = new Set<string>();
  let swept = 0;
  let after: OldRow | undefined;
  for (;;) {
    const rows = await oldRows(executor, saga, before, after, PAGE);
    after = rows.at(-1);
    if (after === undefined) return swept;
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
    swept += left.runs;
    for (const join of left.joins) onIncomplete({ saga, ...join });
  }
}

/** Sweeps the records of sagas in the worker, and raises `join_swept` for each removed incomplete join. */
export const sweepRecords: SweepRecords = ({ log, ...options }) =>
  sweepSagas({ ...options, onIncomplete: (join) => reportSwept(log, join) });

function reportSwept(log: Logger, { waits_for: waitsFor, ...join }: SweptJoin): void {
  instruments().sagaJoinsSwept.add(1, { [attributeNames.saga]: join.saga });
  log.warn(
    { alarm: 'join_swept', ...join, waitsFor },
    'a run left whose step never heard of all members of its group: expected where the group failed and the saga was compensated',
  );
}
