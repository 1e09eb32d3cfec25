import type { Service } from '@convergekit/core';
import { type Ended, recover, runBody } from './body.ts';
import type { Workflow } from './define-workflow.ts';
import { Suspended } from './errors.ts';
import { SagaError } from '../errors.ts';
import { explainMissing } from '../explain-missing.ts';
import { foldRows, rootOf } from './fold.ts';
import { Journal } from './journal.ts';
import type { WorkflowKey } from './journal-sql.ts';
import { type ResolvedWorkflows, resolveWorkflows, type WorkflowsOptions } from './options.ts';
import { workflowWorker } from './worker.ts';
import type { Turn } from './turn.ts';
import {
  type ClaimedWorkflow,
  claimWorkflow,
  openWorkflow,
  readWorkflow,
  readWorkflowRow,
} from './workflow-sql.ts';

/** The workflows of a service, and the Service that continues what was interrupted. */
export interface Workflows {
  /**
   * Starts a workflow under the caller's id, and resolves with the result of its body. An error of the body has
   * everything undone, the last step first, and `startWorkflow` rejects: WORKFLOW_COMPENSATED once nothing is left;
   * WORKFLOW_UNFINISHED when the workers continue it; WORKFLOW_STUCK when an operator must. A repeat under the same id
   * does nothing again: it returns the end of the first run, or continues an interrupted one. The id of a workflow that ended
   * longer than `keepMs` ago is a new one.
   */
  readonly startWorkflow: <Input, Result>(
    workflow: Workflow<Input, Result>,
    id: string,
    input: Input,
  ) => Promise<Result>;
  /** Undoes or resumes what was interrupted on any node. Start one in each process that declares the workflows. */
  readonly worker: Service;
}

/**
 * Makes the workflows of a service ready to start. Throws WORKFLOW_INVALID.
 * @example
 * ```ts
 * import { defineWorkflow } from 'convergekit';
 * import { runServices, workflows } from 'convergekit/process';
 * import { bookOrder, charge, database, order } from './shop.ts';
 *
 * const buy = defineWorkflow('orders.buy', {
 *   input: order,
 *   result: order,
 *   steps: { charge, bookOrder },
 *   body: async (unit, input) => (await unit.step('charge', input), await unit.step('bookOrder', input), input),
 * });
 * const running = workflows([buy], { database });
 * await running.startWorkflow(buy, 'o-1', { orderId: 'o-1', cents: 4_999 });
 * await runServices([running.worker]); // continues what an interrupted process left
 * ```
 */
export function workflows<DB>(workflows: readonly Workflow[], options: WorkflowsOptions<DB>): Workflows {
  const resolved = resolveWorkflows(workflows, options);
  return {
    worker: workflowWorker(resolved),
    startWorkflow: async <Input, Result>(
      workflow: Workflow<Input, Result>,
      id: string,
      input: Input,
    ): Promise<Result> => {
      if (resolved.workflows.get(workflow.name) !== (workflow as unknown))
        throw new SagaError(
          'WORKFLOW_MISUSED',
          `${workflow.name} is not among the workflows of this process`,
        );
      if (id === '' || id.length > 200)
        throw new SagaError('WORKFLOW_MISUSED', `the id of ${workflow.name} must have 1 to 200 characters`);
      const text = workflow.plan(input);
      return workflow.resultOf(await answered(resolved, workflow, id, text));
    },
  };
}

async function answered(
  options: ResolvedWorkflows,
  workflow: Workflow,
  id: string,
  input: string,
): Promise<string> {
  const wanted = { workflow: workflow.name, id, input };
  const opened = await openWorkflow(options, wanted).catch(explainMissing);
  if (opened !== undefined) return runToEnd(options, workflow, opened, runBody);
  const row = await readWorkflowRow(options.database.executor, wanted);
  if (row?.input !== input)
    throw new SagaError(
      'WORKFLOW_KEY_REUSED',
      `${workflow.name} ${id} was started with another input: give each its own id`,
      { category: 'data' },
    );
  if (row.state === 'completed' && row.result !== null) return row.result;
  const claimed = await claimWorkflow(options, wanted);
  if (claimed !== undefined) return runToEnd(options, workflow, claimed, recover);
  return notOurs(options, wanted);
}

/** Runs a claimed workflow to its end, and returns its result or throws its error. */
async function runToEnd(
  options: ResolvedWorkflows,
  workflow: Workflow,
  claim: ClaimedWorkflow,
  act: (turn: Turn) => Promise<Ended>,
): Promise<string> {
  const { database, clock, patienceMs } = options;
  try {
    const journal = await Journal.of(claim, database.executor, clock);
    const ended = await act({ options, workflow, journal, patienceMs, signal: new AbortController().signal });
    if (ended.kind === 'completed') return ended.result;
    throw compensated(claim, ended);
  } catch (error) {
    throw error instanceof Suspended ? suspended(claim, error) : error;
  }
}

function compensated(
  { workflow, id }: WorkflowKey,
  { failure, cause }: Omit<Extract<Ended, { kind: 'compensated' }>, 'kind'>,
) {
  const message = `${workflow} ${id} was undone: ${failure.message}`;
  return new SagaError('WORKFLOW_COMPENSATED', message, { category: failure.category, cause });
}

function suspended({ workflow, id }: WorkflowKey, { why, message, cause }: Suspended): SagaError {
  const what = `${workflow} ${id}`;
  const detail = { category: 'service', certainty: 'unknown', cause } as const;
  switch (why) {
    case 'stuck':
      return new SagaError('WORKFLOW_STUCK', `${what} waits for an operator: ${message}`, detail);
    case 'lost':
      return new SagaError(
        'WORKFLOW_INTERRUPTED',
        `${what} was interrupted: ${message}; a worker continues it`,
        detail,
      );
    case 'waits':
    case 'code_changed':
      return new SagaError(
        'WORKFLOW_UNFINISHED',
        `${what} has not ended: ${message}; a worker continues it`,
        detail,
      );
  }
}

/** Returns the error of a workflow that another process holds, or that has ended undone. */
async function notOurs({ database }: ResolvedWorkflows, of: WorkflowKey): Promise<never> {
  const { workflow, id, state, journal } = await readWorkflow(database.executor, of);
  const fold = foldRows(journal);
  const { failure } = rootOf(fold);
  switch (state) {
    case 'compensated':
      if (failure === undefined) throw new RangeError(`${workflow} ${id} was undone without a reason`);
      throw compensated(of, { failure });
    case 'stuck':
      throw suspended(of, new Suspended('stuck', fold.stuck?.note ?? 'see `converge workflow show`'));
    case 'compensating':
      throw suspended(of, new Suspended('waits', 'it is being undone'));
    case 'running':
    case 'completed':
      throw new SagaError(
        'WORKFLOW_BUSY',
        `${workflow} ${id} is running in another process: ask again later`,
        { category: 'contention' },
      );
  }
}
