import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Executor } from '@convergekit/postgres';
import type { Logger } from '@convergekit/telemetry';
import { readUnclaimedWork } from '../operate/waits-sql.ts';
import { countOverdueWorkflows, readLongPauses } from './tidy-sql.ts';

/** Creates a check for intents whose effect no worker declares: an alarm each time, and zero in the metric once they are gone. */
export function undeclaredCheck(executor: Executor, log: Logger, afterMs: number): () => Promise<void> {
  const reported = new Set<string>();
  return async () => {
    const counts = new Map([...reported].map((effect) => [effect, 0]));
    for (const { effect, calls: count } of await readUnclaimedWork(executor, { afterMs })) {
      reported.add(effect);
      counts.set(effect, count);
      log.error(
        { alarm: 'effect_undeclared', effect, count },
        'intents wait whose effect no worker declares: deploy the code that does, or `converge effects resolve` them',
      );
    }
    for (const [effect, count] of counts)
      instruments().effectsUndeclared.record(count, { [attributeNames.effect]: effect });
  };
}

/** Creates a check for pauses of sagas longer than `boundMs`: the alarm `saga_paused`, once for each. */
export function longPauseCheck(executor: Executor, log: Logger, boundMs: number): () => Promise<void> {
  let reported: ReadonlySet<string> = new Set();
  return async () => {
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
