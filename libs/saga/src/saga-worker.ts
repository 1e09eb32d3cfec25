import type { Service } from '@convergekit/core';
import { removeOld } from '@convergekit/postgres/engine';
import { longestWaitMs } from '@convergekit/resilience/engine';
import type { WorkerCall } from './calls/work/worker-call.ts';
import { declareQuotas } from './calls/quota/quota-sql.ts';
import { rescheduleWork } from './calls/work/claim-sql.ts';
import { declareCalls } from './calls/work/worker-sql.ts';
import { alertOverdueWorkflows, lateCallsCheck, pauseCheck, undeclaredCheck } from './calls/worker/alarms.ts';
import { longestPauseMs } from './calls/worker/claim-pace.ts';
import { claiming, wantedOf } from './calls/worker/claiming.ts';
import { type ResolvedOptions, resolveOptions, type SagaWorkerOptions } from './calls/worker/options.ts';
import { alertOverdue } from './calls/worker/overdue.ts';
import { ENDED } from './calls/worker/tidy-sql.ts';
import { failureLog, workerService } from './calls/worker/worker-service.ts';
import { sweepRecords } from './retention/sweep.ts';

/**
 * Runs the calls that handlers requested, outside any slice: claim → call or query → decide → record. Each call has
 * separate places, so a hanging dependency delays only itself. Several workers may run concurrently. An outage of the
 * database is waited for. Transactions of this process that write work wake it; other work is found by looking.
 * @example
 * ```ts
 * import { callsOf, runServices, sagaWorker } from 'convergekit/process';
 * import { database, payments } from './shop.ts';
 *
 * await runServices([sagaWorker(callsOf(payments), { database })]);
 * ```
 */
export function sagaWorker<DB>(calls: readonly WorkerCall<DB>[], options: SagaWorkerOptions<DB>): Service {
  const name = 'saga worker';
  const resolved = resolveOptions(calls, options);
  const cutOff = new AbortController();
  const { leases, ...claims } = claiming(resolved, cutOff.signal, failureLog(name, resolved));
  const { clock, database, pollMs, leaseMs, log, undeclaredMs, stuckAfterMs } = resolved;
  const checkUndeclared = undeclaredCheck(database.executor, log, undeclaredMs);
  const checkLate = lateCallsCheck(database.executor, undeclaredMs);
  const checkPauses = pauseCheck(database.executor, log, stuckAfterMs);
  return workerService({
    name,
    options: resolved,
    table: 'saga_work',
    ...claims,
    cutOff,
    lookMs: longestPauseMs(pollMs),
    prepare: () => announce(resolved),
    renewal: {
      everyMs: Math.max(1, Math.floor(leaseMs / 3)),
      run: () => leases.renew(database.executor, leaseMs, () => clock.monotonic()),
    },
    tidy: async (signal) => {
      await checkUndeclared();
      await checkLate();
      await checkPauses();
      await tidy(resolved, signal);
    },
  });
}

async function tidy<DB>(options: ResolvedOptions<DB>, signal: AbortSignal): Promise<void> {
  const { clock, random, database, calls, undeclaredMs, keepMs, log } = options;
  await announce(options);
  await reschedule(options);
  await alertOverdue(options, signal);
  await alertOverdueWorkflows(database.executor, log, undeclaredMs);
  await removeOld(database.executor, ENDED, { keepMs, limit: 1_000 });
  const kept = keptSagas(calls.values());
  if (kept.size > 0) await sweepRecords({ database, keepMs: kept, clock, random, log });
}

/** Makes work due that a database's clock that was set back would keep. A timer may be as late as it is, and so may what a resume spread. */
async function reschedule<DB>(options: ResolvedOptions<DB>): Promise<void> {
  const called = [...options.calls.values()].filter(({ saga }) => saga?.isTimer !== true);
  const wanted = called.flatMap((call) =>
    wantedOf([call], { freeOf: () => 1 }, options).map((one) => ({
      ...one,
      longestMs: Math.max(longestWaitMs(call.schedule), one.callMs + one.settleMs),
    })),
  );
  await rescheduleWork(options.database.executor, wanted);
}

/** Records that this worker does the work of its calls: consumers with such work may then start. */
async function announce<DB>({ database, calls, holder }: ResolvedOptions<DB>): Promise<void> {
  const limited = [...calls.values()].flatMap(({ name, quota }) =>
    quota === undefined ? [] : [{ name, quota }],
  );
  await declareQuotas(
    database.executor,
    limited.map(({ quota }) => quota),
  );
  const quotas = new Map(limited.map(({ name, quota }) => [name, quota.name]));
  await declareCalls(database.executor, [...calls.keys()], holder, quotas);
}

/** Returns the retention of each saga's records. The longest one of a saga's versions counts. */
function keptSagas<DB>(calls: Iterable<WorkerCall<DB>>): ReadonlyMap<string, number> {
  const kept = new Map<string, number>();
  for (const { saga } of calls)
    if (saga !== undefined) kept.set(saga.name, Math.max(saga.keepMs, kept.get(saga.name) ?? 0));
  return kept;
}
