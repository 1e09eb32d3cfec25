import { attributeNames, instruments, type Labels } from '@convergekit/telemetry/engine';
import type { Executor } from '@convergekit/postgres';
import type { Logger } from '@convergekit/telemetry';
import { readLateCalls, readUnclaimedWork } from '../operate/waits-sql.ts';
import { countOverdueWorkflows, countPauses, readLongPauses } from './tidy-sql.ts';

/** Creates a function that records a gauge of what was found, and zero for what was found before and is gone. */
function lastingGauge(record: (value: number, labels: Labels) => void) {
  let before: ReadonlyMap<string, Labels> = new Map();
  return (found: readonly { readonly count: number; readonly labels: Labels }[]): void => {
    const now = new Map(found.map(({ labels }) => [JSON.stringify(labels), labels]));
    for (const [id, labels] of before) if (!now.has(id)) record(0, labels);
    for (const { count, labels } of found) record(count, labels);
    before = now;
  };
}

/** Creates a check for calls that no worker declares: an alarm each time, and zero in the metric once they are gone. */
export function undeclaredCheck(executor: Executor, log: Logger, afterMs: number): () => Promise<void> {
  const record = lastingGauge((value, labels) => instruments().callsUndeclared.record(value, labels));
  return async () => {
    const found = await readUnclaimedWork(executor, { afterMs });
    for (const { call, calls: count } of found)
      log.error(
        { alarm: 'call_undeclared', call, count },
        'calls wait that no worker declares: deploy the code that does, or `converge call resolve` them',
      );
    record(found.map(({ call, calls: count }) => ({ count, labels: { [attributeNames.call]: call } })));
  };
}

/** Creates a check for calls that wait after a failure: the metric of the alarm `calls_waiting`. */
export function lateCallsCheck(executor: Executor, idleMs: number): () => Promise<void> {
  const record = lastingGauge((value, labels) => instruments().callsWaiting.record(value, labels));
  return async () => {
    const found = await readLateCalls(executor, { idleMs });
    record(
      found.map(({ call, calls: count, reason }) => ({
        count,
        labels: { [attributeNames.call]: call, [attributeNames.reason]: reason ?? 'not_begun' },
      })),
    );
  };
}

/** Creates a check for pauses of sagas: their number, and the alarm `saga_paused` once for each that is longer than `boundMs`. */
export function pauseCheck(executor: Executor, log: Logger, boundMs: number): () => Promise<void> {
  let reported: ReadonlySet<string> = new Set();
  const record = lastingGauge((value, labels) => instruments().sagasPaused.record(value, labels));
  return async () => {
    const pauses = await countPauses(executor);
    record(pauses.map(({ saga, count }) => ({ count, labels: { [attributeNames.saga]: saga } })));
    const rows = await readLongPauses(executor, boundMs);
    const named = new Map(rows.map((pause) => [JSON.stringify(pause), pause]));
    for (const [name, { saga, instance, since, by, reason }] of named)
      if (!reported.has(name))
        log.error(
          { alarm: 'saga_paused', saga, ...(instance === '' ? {} : { instance }), since, by, reason },
          'a saga has been paused for too long, and what it holds waits: `converge saga resume` when the cause is over',
        );
    reported = new Set(named.keys());
  };
}

/** Logs the alarm `workflow_overdue` for workflows that have been due for `waitedMs`: no worker continues them. */
export async function alertOverdueWorkflows(
  executor: Executor,
  log: Logger,
  waitedMs: number,
): Promise<void> {
  for (const { workflow, count } of await countOverdueWorkflows(executor, waitedMs))
    log.error(
      { alarm: 'workflow_overdue', workflow, count },
      'workflows are due and no worker continues them: run the worker of the service that declares them',
    );
}
