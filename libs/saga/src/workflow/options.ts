import type { SlowSchedule } from '@convergekit/resilience';
import { forEver } from '../calls/declare/bind-call.ts';
import { type CommonOptions, fractions, WHOLE, withDefaults } from '../calls/worker/common-options.ts';
import { SagaError } from '../errors.ts';
import type { Workflow } from './define-workflow.ts';

export interface WorkflowsOptions<DB> extends CommonOptions<DB> {
  /** The milliseconds that a body may work between two awaits before another process takes over. @default 30_000 */
  readonly idleMs?: number;
  /** The milliseconds that `run` waits for outcomes and undos before it leaves them to the workers. @default 5_000 */
  readonly patienceMs?: number;
  /** The waits between tries of an undo, of which none is the last. @default the kit's, up to 10 minutes */
  readonly schedule?: Omit<SlowSchedule, 'withinMs'>;
  /** The pause before a worker's next look for work when there was none. In milliseconds. @default 200 */
  readonly pollMs?: number;
  /** Workflows that a worker undoes or resumes at the same time. @default 8 */
  readonly concurrency?: number;
}

export type ResolvedWorkflows = Readonly<Required<Omit<WorkflowsOptions<unknown>, 'schedule'>>> & {
  readonly workflows: ReadonlyMap<string, Workflow>;
  readonly schedule: SlowSchedule;
};

export function resolveWorkflows<DB>(
  workflows: readonly Workflow[],
  options: WorkflowsOptions<DB>,
): ResolvedWorkflows {
  const byName = new Map(workflows.map((workflow) => [workflow.name, workflow]));
  if (workflows.length === 0)
    throw invalid('it has no workflow to run: give it those that the service declares');
  const twice = workflows.find((workflow) => byName.get(workflow.name) !== workflow);
  if (twice !== undefined) throw invalid(`two workflows are named ${twice.name}: rename one`);
  const { database, schedule = forEver, ...given } = options;
  const resolved: ResolvedWorkflows = Object.freeze({
    idleMs: 30_000,
    patienceMs: 5_000,
    pollMs: 200,
    concurrency: 8,
    ...given,
    // The cast is safe: only a local step's own code uses the service's tables, and it knows them.
    ...withDefaults({ ...given, database: database as unknown as ResolvedWorkflows['database'] }),
    schedule: { ...schedule, withinMs: Number.POSITIVE_INFINITY },
    workflows: byName,
  });
  const [wrong] = fractions(resolved, [...WHOLE, 'idleMs', 'pollMs', 'concurrency']);
  if (wrong !== undefined) throw invalid(wrong);
  if (!(resolved.patienceMs >= 0))
    throw invalid(`patienceMs is ${resolved.patienceMs}, but must be 0 or more`);
  return resolved;
}

function invalid(what: string): SagaError {
  return new SagaError('WORKFLOW_INVALID', `the workflows cannot start: ${what}`);
}
