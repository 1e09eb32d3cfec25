import { sqlState } from '@convergekit/postgres/engine';
import { bound } from '@convergekit/resilience/engine';
import { classify } from '@convergekit/resilience';
import { type Service, endsWithin } from '@convergekit/core';
import { failpoint, loopService, type NextRun, poll, Wake } from '@convergekit/core/engine';
import type { Effect, SweepRecords } from '../effect/types.ts';
import { notMigrated } from '../errors.ts';
import { claimWork } from '../work/claim-sql.ts';
import type { ClaimedWork } from '../work/work.ts';
import { declareEffects } from '../work/worker-sql.ts';
import { type ResolvedOptions, resolveOptions, type SagaWorkerOptions } from './options.ts';
import { alertOverdue } from './overdue.ts';
import { alertOverdueWorkflows } from './overdue-workflows.ts';
import { Places } from './places.ts';
import { processWork } from './process-work.ts';
import { report } from './report.ts';
import { countUndeclared, forgetEnded } from './tidy-sql.ts';

/** The maximum of a run in milliseconds, for the lease: after it a row of an unbounded policy is taken up again. */
const MAX_RUN_MS = 600_000;

/**
 * Runs the calls that handlers requested, outside any slice: claim → call or query → decide → record. Each effect has
 * separate places, so a hanging dependency delays only itself. Several workers may run concurrently. An outage of the
 * database is waited for.
 */
export function sagaWorker<DB>(effects: readonly Effect<DB>[], options: SagaWorkerOptions<DB>): Service {
  const resolved = resolveOptions(effects, options);
  const cutOff = new AbortController();
  const freed = new Wake();
  const places = new Places(resolved.effects, freed);
  const runMs = (effect: Effect<DB>): number =>
    Math.min(bound(effect.policyIn(resolved.shared).deadlineMs), MAX_RUN_MS);
  const away = (error: unknown): void => failed(resolved, error);
  const claim = async (): Promise<NextRun | undefined> => {
    const wanted = places.free(runMs, resolved.leaseMarginMs);
    if (wanted.length === 0) return undefined;
    failpoint('saga.before_claim');
    const asked = resolved.clock.monotonic();
    const claimed = await claimWork(resolved.database.executor, resolved.holder, wanted);
    if (claimed.length > 0) failpoint('saga.after_claim');
    for (const work of claimed) {
      const effect = resolved.effects.get(work.effect);
      if (effect !== undefined) places.hold(effect, begin(effect, work, asked));
    }
    return claimed.length > 0 ? { afterMs: 0 } : undefined;
  };
  const begin = async (effect: Effect<DB>, work: ClaimedWork, asked: number): Promise<void> => {
    const { clock, random, shared } = resolved;
    const asking = { clock, random, shared, signal: cutOff.signal, leaseEndsAt: asked + runMs(effect) };
    // An outcome that cannot be written now is found again when the lease ends.
    await processWork(resolved, effect, work, asking).catch(away);
  };

  const { clock, random, pollMs, tidyMs, drainMs } = resolved;
  const loop = { clock, random, onError: away };
  return loopService({
    name: 'saga worker',
    prepare: async () => {
      await checkTables(resolved);
      await announce(resolved);
    },
    run: (signal) =>
      Promise.all([
        poll({ ...loop, everyMs: pollMs, signal, wake: freed, run: claim }),
        poll({ ...loop, everyMs: tidyMs, signal, run: () => tidy(resolved, signal) }),
      ]),
    drain: async () => {
      await endsWithin(places.empty(), drainMs, clock);
      cutOff.abort();
      await places.empty();
    },
  });
}

async function tidy<DB>(options: ResolvedOptions<DB>, signal: AbortSignal): Promise<void> {
  const { clock, random, database, effects, undeclaredMs, keepMs, log } = options;
  report.undeclared(log, await countUndeclared(database.executor, [...effects.keys()], undeclaredMs));
  await announce(options);
  await alertOverdue(options, signal);
  await alertOverdueWorkflows(database.executor, log, undeclaredMs);
  await forgetEnded(database.executor, keepMs);
  let runs = 0;
  for (const [sweep, keepMs] of keptSagas(effects.values()))
    runs += await sweep({ database, keepMs, clock, random, log });
  if (runs > 0) log.info({ runs }, 'what this service knew of sagas that ended long ago has left');
}

/** Records that this worker does the work of its effects: consumers with such work may then start. */
async function announce<DB>({ database, effects, holder }: ResolvedOptions<DB>): Promise<void> {
  await declareEffects(database.executor, [...effects.keys()], holder);
}

/** Returns the retention of each saga's records, by their sweep. The longest retention of a saga's versions counts. */
function keptSagas<DB>(
  effects: Iterable<Effect<DB>>,
): ReadonlyMap<SweepRecords, ReadonlyMap<string, number>> {
  const kept = new Map<SweepRecords, Map<string, number>>();
  for (const { saga } of effects) {
    if (saga === undefined) continue;
    const keepMs = kept.get(saga.sweep) ?? new Map<string, number>();
    kept.set(saga.sweep, keepMs.set(saga.name, Math.max(saga.keepMs, keepMs.get(saga.name) ?? 0)));
  }
  return kept;
}

/** The loops' own failures, in one line: the database went away. */
function failed<DB>({ log }: ResolvedOptions<DB>, error: unknown): void {
  const { category, code, message } = classify(error);
  log.error({ category, code, reason: message }, 'the saga worker could not reach its table: it goes on');
}

async function checkTables<DB>({ database }: ResolvedOptions<DB>): Promise<void> {
  await database.executor.query('select 1 from converge.saga_work limit 0').catch((error: unknown) => {
    if (!['42P01', '3F000'].includes(sqlState(error) ?? '')) throw error;
    throw notMigrated(error);
  });
}
