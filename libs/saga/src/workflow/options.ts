import { hostname } from 'node:os';
import type { Database } from '@convergekit/postgres';
import { PolicyBook, SharedGuards, type SlowSchedule } from '@convergekit/resilience';
import { type Clock, newUuidV7, type Random, systemClock, systemRandom } from '@convergekit/core';
import { logger, type Logger } from '@convergekit/telemetry';
import { forEver } from '../effects/call/bind-call.ts';
import type { Workflow } from './define-workflow.ts';
import { WorkflowError } from './errors.ts';

export interface WorkflowsOptions<DB> {
  /** The database of the journal: the service's own. */
  readonly database: Pick<Database<DB>, 'db' | 'executor'>;
  /** Unique to this process. @default host name and a UUID */
  readonly holder?: string;
  /**
   * The time a body may work between two awaits of its unit before another process takes over. In milliseconds.
   * @default 30_000
   */
  readonly idleMs?: number;
  /**
   * The time that a lease exceeds the deadline of a step's policy, to record the outcome. In milliseconds. @default
   * 10_000
   */
  readonly leaseMarginMs?: number;
  /**
   * The total time `run` waits for unknown outcomes and retried undos; then it rejects, and the workers continue. In
   * milliseconds. @default 5_000
   */
  readonly patienceMs?: number;
  /**
   * The waits between tries of an undo; `withinMs` is ignored, as there is no last try. @default the kit's, up to 10
   * minutes
   */
  readonly schedule?: Omit<SlowSchedule, 'withinMs'>;
  /**
   * The time an undo, or the query of an outcome, may fail before an operator is alerted. In milliseconds. @default
   * 900_000
   */
  readonly stuckAfterMs?: number;
  /** The pause before a worker's next look for work when there was none. In milliseconds. @default 200 */
  readonly pollMs?: number;
  /** Workflows that a worker undoes or resumes at the same time. @default 8 */
  readonly concurrency?: number;
  /** The time a stop lets work in flight continue. In milliseconds. @default 10_000 */
  readonly drainMs?: number;
  /** The time ended workflows are kept. In milliseconds. @default 2_592_000_000 (30 days) */
  readonly keepMs?: number;
  /** The period of deletions of old workflows. In milliseconds. @default 60_000 */
  readonly tidyMs?: number;
  /**
   * The policies, breakers and retry budgets of the process, by `<workflow>.<step>`. @default separate ones, with the
   * kit's policy
   */
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
    // The cast is safe: only a local step's own code uses the service's tables, and it knows them.
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
