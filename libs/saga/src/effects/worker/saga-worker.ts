import type { Service } from '@convergekit/core';
import type { Effect, SweepRecords } from '../effect/types.ts';
import { declareQuotas } from '../quota/quota-sql.ts';
import { declareEffects } from '../work/worker-sql.ts';
import { alertOverdueWorkflows, longPauseCheck, undeclaredCheck } from './alarms.ts';
import { longestPauseMs } from './claim-pace.ts';
import { claiming } from './claiming.ts';
import { type ResolvedOptions, resolveOptions, type SagaWorkerOptions } from './options.ts';
import { alertOverdue } from './overdue.ts';
import { forgetEnded } from './tidy-sql.ts';
import { failureLog, workerService } from './worker-service.ts';

/**
 * Runs the calls that handlers requested, outside any slice: claim → call or query → decide → record. Each effect has
 * separate places, so a hanging dependency delays only itself. Several workers may run concurrently. An outage of the
 * database is waited for. Transactions of this process that write work wake it; other work is found by looking.
 */
export function sagaWorker<DB>(effects: readonly Effect<DB>[], options: SagaWorkerOptions<DB>): Service {
  const name = 'saga worker';
  const resolved = resolveOptions(effects, options);
  const cutOff = new AbortController();
  const { leases, ...claims } = claiming(resolved, cutOff.signal, failureLog(name, resolved));
  const { clock, database, holder, pollMs, leaseMs, log, undeclaredMs, stuckAfterMs } = resolved;
  const declared = [...resolved.effects.keys()];
  const checkUndeclared = undeclaredCheck(database.executor, log, declared, undeclaredMs);
  const checkPauses = longPauseCheck(database.executor, log, stuckAfterMs);
  return workerService({
    ...{ name, options: resolved, table: 'saga_work', ...claims, cutOff },
    lookMs: longestPauseMs(pollMs),
    prepare: () => announce(resolved),
    renewal: {
      everyMs: Math.max(1, Math.floor(leaseMs / 3)),
      run: () => leases.renew(database.executor, holder, leaseMs, () => clock.monotonic()),
    },
    tidy: async (signal) => {
      await checkUndeclared();
      await checkPauses();
      await tidy(resolved, signal);
    },
  });
}

async function tidy<DB>(options: ResolvedOptions<DB>, signal: AbortSignal): Promise<void> {
  const { clock, random, database, effects, undeclaredMs, keepMs, log } = options;
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
  const limited = [...effects.values()].flatMap(({ name, quota }) =>
    quota === undefined ? [] : [{ name, quota }],
  );
  await declareQuotas(
    database.executor,
    limited.map(({ quota }) => quota),
  );
  const quotas = new Map(limited.map(({ name, quota }) => [name, quota.name]));
  await declareEffects(database.executor, [...effects.keys()], holder, quotas);
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
