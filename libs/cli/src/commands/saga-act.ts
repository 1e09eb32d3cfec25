import { retryParked } from '@converge/inbox';
import type { Database } from '@converge/postgres';
import {
  type Outcome,
  readChapter,
  resolveWork,
  retryWork,
  sagaMigrations,
  type StepWorkView,
} from '@converge/saga';
import { audit, operator } from '../audit.ts';
import { CliError } from '../cli-error.ts';
import { confirm } from '../confirm.ts';
import { withDatabase } from '../connections.ts';
import type { CommandContext } from '../context.ts';
import { requireMigrations } from '../migrations.ts';

export interface SagaActFlags {
  readonly reason: string;
  readonly yes?: boolean;
}

export interface SagaResolveFlags extends SagaActFlags {
  readonly event?: string;
  readonly version: number;
  readonly data?: string;
  readonly failed?: string;
}

/** Has a step's work, or the event that it could not handle, tried again now. */
export function retryStep(
  context: CommandContext,
  instance: string,
  step: string,
  { reason, yes = false }: SagaActFlags,
): Promise<boolean> {
  return within(context, async (database) => {
    const { work, parked } = await openOf(database, instance, step);
    if (work.length === 0 && parked.length === 0) throw nothing(instance, step);
    const stuck = work.filter(({ state }) => state === 'stuck').length;
    if (stuck > 0) await confirm(`Call again ${stuck} that may have taken effect already?`, { yes });
    for (const { id } of work) await retryWork(database.executor, id, operator(), reason);
    for (const id of parked) await retryParked(database, id, { by: operator(), reason });
    audit('saga retry', { instance, step, reason });
    context.output.result({ instance, step, work: work.map(({ id }) => id), parked }, () => [
      `${step} of ${instance}: due now`,
    ]);
    return true;
  });
}

/** Says what became of a step's call, from the other side's own records; the worker settles it like any other outcome. */
export function resolveStep(
  context: CommandContext,
  instance: string,
  step: string,
  flags: SagaResolveFlags,
): Promise<boolean> {
  const outcome = outcomeOf(flags);
  return within(context, async (database) => {
    const { work } = await openOf(database, instance, step);
    const [first] = work.toSorted((a, b) => Number(b.state === 'stuck') - Number(a.state === 'stuck'));
    if (first === undefined) throw nothing(instance, step);
    const { reason, yes = false } = flags;
    await confirm(`Settle ${first.op} of ${step}, which is ${first.state}, as ${outcome.kind}?`, { yes });
    await resolveWork(database.executor, first.id, outcome, operator(), reason);
    audit('saga resolve', { instance, step, outcome: outcome.kind, reason });
    context.output.result({ instance, step, work: first.id, outcome: outcome.kind }, () => [
      `${first.op} of ${step}: ${outcome.kind}; the saga worker settles it`,
    ]);
    return true;
  });
}

// What was given up or waits of the events that the journal names as the beginning of the step.
const parkedSql = `
  select p.id from converge.parked p
   where p.state in ('dead', 'waiting') and p.event_id in (
     select cause_event from converge.saga_step where instance = $1 and step = $2 and op = 'apply')
     and p.consumer in (select consumer from converge.saga_fence where instance = $1 and step = $2)
   order by p.parked_at`;

async function openOf(
  { executor }: Database,
  instance: string,
  step: string,
): Promise<{ readonly work: readonly StepWorkView[]; readonly parked: readonly string[] }> {
  const { work } = await readChapter(executor, { instance });
  const calls = ['apply', 'compensate', 'resolve'];
  const open = work.filter(
    (one) => one.step === step && calls.includes(one.op) && !['done', 'failed'].includes(one.state),
  );
  const { rows } = await executor.query<{ id: string }>(parkedSql, [instance, step]);
  return { work: open, parked: rows.map(({ id }) => id) };
}

function outcomeOf({ event, version, data, failed, reason }: SagaResolveFlags): Outcome {
  if (failed !== undefined)
    return {
      kind: 'failed',
      failure: { category: 'business', certainty: 'not_applied', code: failed, message: reason },
    };
  if (event === undefined || data === undefined)
    throw new CliError(
      'say what became of it: --event <type> --data <json> of the fact that the step would have told, or --failed <code>',
      { code: 'OUTCOME_MISSING', category: 'configuration' },
    );
  try {
    JSON.parse(data);
    return { kind: 'succeeded', result: JSON.stringify({ type: event, version, payload: data }) };
  } catch (cause) {
    throw new CliError(`--data must be the event's data as JSON: ${String(cause)}`, {
      code: 'OUTCOME_INVALID',
      category: 'configuration',
    });
  }
}

function within(
  { settings }: CommandContext,
  fn: (database: Database) => Promise<boolean>,
): Promise<boolean> {
  return withDatabase(settings, 'converge-saga', async (database) => {
    await requireMigrations(database.executor, [sagaMigrations]);
    return fn(database);
  });
}

function nothing(instance: string, step: string): CliError {
  return new CliError(
    `nothing of step ${step} of saga ${instance} waits in this database: \`converge saga show ${instance}\` says how it stands; use the DATABASE_URL of the service that runs the step`,
    { code: 'STEP_NOT_WAITING', category: 'data' },
  );
}
