import { hostname } from 'node:os';
import type { Database } from '@convergekit/postgres';
import { PolicyBook, SharedGuards, type SlowSchedule } from '@convergekit/resilience';
import { type Clock, newUuidV7, type Random, systemClock, systemRandom } from '@convergekit/core';
import { logger, type Logger } from '@convergekit/telemetry';
import { forEver } from '@convergekit/effects/engine';
import type { Workflow } from './define-workflow.ts';
import { WorkflowError } from './errors.ts';

export interface WorkflowsOptions<DB> {
  /** The database of the journal: the service's own. */
  readonly database: Pick<Database<DB>, 'db' | 'executor'>;
  /** Unique to this process. @default host name and a UUID */
  readonly holder?: string;
  /** How long a body may work between two awaits of its unit before others take the workflow over. Milliseconds. @default 30_000 */
  readonly idleMs?: number;
  /** What a lease has beyond the deadline of a step's policy, to write down what came of it. Milliseconds. @default 10_000 */
  readonly leaseMarginMs?: number;
  /**
   * How long `run` waits in all for an outcome to become known, or for an undo to be retried; after that the workers
   * go on, and it rejects. Milliseconds. @default 5_000
   */
  readonly patienceMs?: number;
  /** Waits between tries of an undo; its `withinMs` is not heeded: there is no last try. @default the kit's, up to 10 minutes */
  readonly schedule?: Omit<SlowSchedule, 'withinMs'>;
  /** How long an undo, or the question what became of a step, may fail before an operator is called. Milliseconds. @default 900_000 */
  readonly stuckAfterMs?: number;
  /** How often a worker looks for work when there was none. Milliseconds. @default 200 */
  readonly pollMs?: number;
  /** Workflows that a worker undoes or resumes at the same time. @default 8 */
  readonly concurrency?: number;
  /** How long a stop lets what is in flight go on. Milliseconds. @default 10_000 */
  readonly drainMs?: number;
  /** How long ended workflows are kept. Milliseconds. @default 2_592_000_000 (30 days) */
  readonly keepMs?: number;
  /** How often old workflows are forgotten. Milliseconds. @default 60_000 */
  readonly tidyMs?: number;
  /** Policies, breakers and retry budgets of the process, by `<workflow>.<step>`. @default its own, with the kit's policy */
  readonly shared?: SharedGuards;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Logger;
}

export type ResolvedWorkflows = Readonly<Required<Omit<WorkflowsOptions<unknown>, 'schedule'>>> & {
  readonly workflows: ReadonlyMap<string, Workflow>;
  readonly schedule: SlowSchedule;
};

const WHOLE = [
  'idleMs',
  'leaseMarginMs',
  'stuckAfterMs',
  'pollMs',
  'concurrency',
  'drainMs',
  'keepMs',
  'tidyMs',
] as const;

export function resolveWorkflows<DB>(
  workflows: readonly Workflow[],
  options: WorkflowsOptions<DB>,
): ResolvedWorkflows {
  const byName = new Map(workflows.map((workflow) => [workflow.name, workflow]));
  if (workflows.length === 0)
    throw invalid('it has no workflow to run: give it those that the service declares');
  const twice = workflows.find((workflow) => byName.get(workflow.name) !== workflow);
  if (twice !== undefined) throw invalid(`two workflows are named ${twice.name}: rename one`);
  const { clock = systemClock, random = systemRandom, database, schedule = forEver, ...given } = options;
  const resolved: ResolvedWorkflows = Object.freeze({
    holder: `${hostname()}/${newUuidV7()}`,
    idleMs: 30_000,
    leaseMarginMs: 10_000,
    patienceMs: 5_000,
    stuckAfterMs: 900_000,
    pollMs: 200,
    concurrency: 8,
    drainMs: 10_000,
    keepMs: 2_592_000_000,
    tidyMs: 60_000,
    clock,
    random,
    log: logger('saga'),
    ...given,
    // The engine needs no table of the service's: only a local step's own code does, and it knows them.
    database: database as unknown as ResolvedWorkflows['database'],
    shared: options.shared ?? new SharedGuards({ policies: new PolicyBook([]), clock, random }),
    schedule: { ...schedule, withinMs: Number.POSITIVE_INFINITY },
    workflows: byName,
  });
  for (const name of WHOLE)
    if (!(Number.isInteger(resolved[name]) && resolved[name] >= 1))
      throw invalid(`${name} is ${resolved[name]}, but must be a whole number from 1`);
  if (!(resolved.patienceMs >= 0))
    throw invalid(`patienceMs is ${resolved.patienceMs}, but must be 0 or more`);
  return resolved;
}

function invalid(what: string): WorkflowError {
  return new WorkflowError('WORKFLOW_INVALID', `the workflows cannot start: ${what}`);
}
