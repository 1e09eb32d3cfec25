import type { Service } from '@convergekit/core';
import { failpoint, Wake } from '@convergekit/core/engine';
import { longestWaitMs } from '@convergekit/resilience/engine';
import { alertOverdueWorkflows } from '../calls/worker/alarms.ts';
import { Places } from '../calls/worker/places.ts';
import { longestRunMs } from '../calls/worker/run-call.ts';
import { failureLog, workerService } from '../calls/worker/worker-service.ts';
import { recover } from './body.ts';
import { Suspended } from './errors.ts';
import { Journal } from './journal.ts';
import type { ResolvedWorkflows } from './options.ts';
import {
  type ClaimedWorkflow,
  claimWorkflows,
  forgetWorkflows,
  rescheduleWorkflows,
} from './workflow-sql.ts';

/** Continues workflows whose process died or lost its lease. Several workers may run, and beside `run`. */
export function workflowWorker(options: ResolvedWorkflows): Service {
  const { database, concurrency, pollMs, keepMs, stuckAfterMs, log } = options;
  const name = 'workflow worker';
  const onError = failureLog(name, options);
  const cutOff = new AbortController();
  const wake = new Wake();
  const places = new Places(wake);
  const group = { name, concurrency };
  return workerService({
    name,
    options,
    table: 'workflow',
    lookMs: pollMs,
    wake,
    places,
    cutOff,
    claim: async () => {
      const free = places.freeOf(group);
      if (free <= 0) return undefined;
      const claimed = await claimWorkflows(options, free);
      if (claimed.length > 0) failpoint('workflow.after_claim');
      places.looked(name, claimed.length >= free);
      for (const one of claimed)
        places.reserve(group).hold(() => goOn(options, one, cutOff.signal).catch(onError));
      return undefined;
    },
    tidy: async () => {
      await rescheduleWorkflows(database.executor, [...options.workflows.keys()], longestMs(options));
      await alertOverdueWorkflows(database.executor, log, stuckAfterMs);
      await forgetWorkflows(database.executor, keepMs);
    },
  });
}

/** Returns the longest time for which a workflow waits or is held at once: for its body, a retry, or a step until its end is final. */
function longestMs({
  workflows,
  shared,
  schedule,
  idleMs,
  patienceMs,
  leaseMarginMs,
}: ResolvedWorkflows): number {
  const steps = [...workflows.values()].flatMap((workflow) => [...workflow.steps.values()]);
  const runs = steps.map((step) =>
    step.kind === 'local' ? 0 : longestRunMs(step, shared) + leaseMarginMs + step.settleMs,
  );
  return Math.max(idleMs + Math.max(patienceMs, longestWaitMs(schedule)), ...runs);
}

/** Runs one turn: to the end of the workflow, or until it has to wait. Rejects when the database cannot be read. */
async function goOn(options: ResolvedWorkflows, claim: ClaimedWorkflow, signal: AbortSignal): Promise<void> {
  const workflow = options.workflows.get(claim.workflow);
  if (workflow === undefined) return;
  const journal = await Journal.of(claim, options.database.executor, options.clock);
  try {
    await recover({ options, workflow, journal, signal, patienceMs: 0 });
  } catch (error) {
    // The journal has the reason of the wait; a lost workflow continues elsewhere.
    if (!(error instanceof Suspended)) throw error;
    if (error.why === 'lost')
      options.log.warn(
        { workflow: claim.workflow, id: claim.id, reason: error.message },
        'a workflow was left',
      );
  }
}
