import { classify } from '@convergekit/resilience';
import { type Service, endsWithin } from '@convergekit/core';
import { failpoint, loopService, type NextRun, poll, Wake } from '@convergekit/core/engine';
import { alertOverdueWorkflows } from '../effects/worker/alarms.ts';
import { recover } from './body.ts';
import { Suspended } from './errors.ts';
import { explainMissing } from '../explain-missing.ts';
import { Journal } from './journal.ts';
import type { ResolvedWorkflows } from './options.ts';
import { type ClaimedWorkflow, claimWorkflows, forgetWorkflows } from './workflow-sql.ts';

/**
 * Continues workflows whose process died or lost its lease, and retries their undos. Several workers may run
 * concurrently, and beside `run`. An outage of the database is waited for.
 */
export function workflowWorker(options: ResolvedWorkflows): Service {
  const { database, holder, workflows, concurrency, idleMs, pollMs, tidyMs, clock, random, drainMs } =
    options;
  const cutOff = new AbortController();
  const running = new Set<Promise<void>>();
  const room = new Wake();

  const claim = async (): Promise<NextRun | undefined> => {
    const places = concurrency - running.size;
    if (places <= 0) return undefined;
    const claimed = await claimWorkflows(database.executor, holder, [...workflows.keys()], places, idleMs);
    if (claimed.length > 0) failpoint('workflow.after_claim');
    for (const one of claimed) {
      const turn = goOn(options, one, cutOff.signal).catch((error: unknown) => failed(options, error));
      running.add(turn);
      void turn.finally(() => {
        running.delete(turn);
        room.notify();
      });
    }
    return claimed.length > 0 ? { afterMs: 0 } : undefined;
  };
  const loop = { clock, random, onError: (error: unknown) => failed(options, error) };
  return loopService({
    name: 'workflow worker',
    prepare: async () => {
      await database.executor.query('select 1 from converge.workflow limit 0').catch(explainMissing);
    },
    run: (signal) =>
      Promise.all([
        poll({ ...loop, everyMs: pollMs, signal, wake: room, run: claim }),
        poll({ ...loop, everyMs: tidyMs, signal, run: () => tidy(options) }),
      ]),
    drain: async () => {
      await endsWithin(Promise.all(running), drainMs, clock);
      cutOff.abort();
      await Promise.all(running);
    },
  });
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

async function tidy({ keepMs, stuckAfterMs, database, log }: ResolvedWorkflows): Promise<void> {
  await alertOverdueWorkflows(database.executor, log, stuckAfterMs);
  await forgetWorkflows(database.executor, keepMs);
}

function failed({ log }: ResolvedWorkflows, error: unknown): void {
  const { category, code, message } = classify(error);
  log.error(
    { category, code, reason: message },
    'the workflow worker could not continue its tables: it tries again',
  );
}
