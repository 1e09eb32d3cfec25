import { classify } from '@convergekit/resilience';
import { endsWithin, type Service } from '@convergekit/core';
import { loopService, type NextRun, outageBackoff, poll, type Wake } from '@convergekit/core/engine';
import type { Executor } from '@convergekit/postgres';
import { explainMissing } from '../../explain-missing.ts';
import type { CommonOptions } from './common-options.ts';
import type { Places } from './places.ts';

/** A worker: what it claims, and where its work runs. Times are in milliseconds. */
interface Worker {
  readonly name: string;
  readonly options: Pick<
    Required<CommonOptions<never>>,
    'clock' | 'random' | 'log' | 'drainMs' | 'tidyMs'
  > & {
    readonly database: { readonly executor: Executor };
    readonly pollMs: number;
  };
  readonly table: 'saga_work' | 'workflow';
  /** Begins what is due, in places. Returns when the next look is due. */
  readonly claim: () => Promise<NextRun | undefined>;
  /** The longest pause between two looks. */
  readonly lookMs: number;
  readonly wake: Wake;
  readonly places: Places;
  /** Aborts the work that a stop does not wait for. */
  readonly cutOff: AbortController;
  readonly tidy: (signal: AbortSignal) => Promise<void>;
  /** Renews the leases of the work at hand. @default they are as long as the work */
  readonly renewal?: { readonly everyMs: number; readonly run: () => Promise<void> };
  readonly prepare?: () => Promise<void>;
  /** Ends listening for announced work. */
  readonly deaf?: () => void;
}

/** Returns the handler of a worker's failures: one line for each, since the database went away. */
export function failureLog(name: string, { log }: Pick<Worker['options'], 'log'>): (error: unknown) => void {
  return (error) => {
    const { category, code, message } = classify(error);
    log.error({ category, code, reason: message }, `the ${name} could not reach its tables: it tries again`);
  };
}

/** The loops of a worker: claim, renew, tidy; and at a stop the end of its work. An outage of the database is waited for. */
export function workerService(worker: Worker): Service {
  const { name, options, lookMs, wake, places, cutOff, renewal, deaf } = worker;
  const { clock, random, database, pollMs, tidyMs, drainMs } = options;
  const loop = { clock, random, onError: failureLog(name, options) };
  const backoff = { baseMs: pollMs, factor: 2, capMs: Math.max(pollMs, outageBackoff.capMs) };
  const renewing = new AbortController();
  let renewals: Promise<void> | undefined;
  return loopService({
    name,
    runsCode: true,
    prepare: async () => {
      await database.executor.query(`select 1 from converge.${worker.table} limit 0`).catch(explainMissing);
      await worker.prepare?.();
    },
    run: (signal) => {
      // Leases are renewed until the last work has ended, which is after the stop.
      renewals = renewal && poll({ ...loop, ...renewal, signal: renewing.signal });
      return Promise.all([
        poll({ ...loop, everyMs: lookMs, backoff, signal, wake, run: worker.claim }),
        poll({ ...loop, everyMs: tidyMs, signal, run: () => worker.tidy(signal) }),
      ]);
    },
    drain: async () => {
      deaf?.();
      await endsWithin(places.empty(), drainMs, clock);
      cutOff.abort();
      // A transaction that hangs does not keep the worker: what it commits later is not sent.
      await places.called();
      renewing.abort();
      await renewals;
    },
  });
}
