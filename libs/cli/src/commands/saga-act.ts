import type { Database } from '@converge/postgres';
import {
  EFFECT_STAYS,
  type Outcome,
  resolveStep,
  retryStep,
  sagaMigrations,
  waitingStep,
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
  readonly effectStays?: boolean;
}

/** Has a step's call or undo, or the event that it could not handle, tried again now. */
export function retryCommand(
  context: CommandContext,
  instance: string,
  step: string,
  { reason, yes = false }: SagaActFlags,
): Promise<boolean> {
  return within(context, async (database) => {
    const at = { instance, step };
    const { state, work } = await waitingStep(database, at);
    const again = state === 'stuck' || work.some((one) => one.state === 'stuck');
    if (again) await confirm(`Try again ${step}, which may have taken effect already?`, { yes });
    const acted = await retryStep(database, at, { actor: operator(), note: reason });
    audit('saga retry', { instance, step, reason });
    context.output.result({ instance, step, ...acted }, () => [`${step} of ${instance}: due now`]);
    return true;
  });
}

/** Says what became of a step, from the records of the other side; the worker settles it like any other outcome. */
export function resolveCommand(
  context: CommandContext,
  instance: string,
  step: string,
  flags: SagaResolveFlags,
): Promise<boolean> {
  return settle(context, { instance, step }, outcomeOf(flags), flags);
}

function settle(
  context: CommandContext,
  at: { readonly instance: string; readonly step: string },
  outcome: Outcome,
  { reason, yes = false }: SagaActFlags,
): Promise<boolean> {
  return within(context, async (database) => {
    const { state, work } = await waitingStep(database, at);
    const what = outcome.kind === 'failed' ? outcome.failure.code : outcome.kind;
    const waits =
      work[0] === undefined
        ? `${at.step}, which is ${state}`
        : `${work[0].op} of ${at.step}, which is ${work[0].state}`;
    await confirm(`Settle ${waits}, as ${what}?`, { yes });
    const acted = await resolveStep(database, at, outcome, { actor: operator(), note: reason });
    audit('saga resolve', { ...at, outcome: what, reason });
    context.output.result({ ...at, ...acted, outcome: what }, () => [
      `${at.step} of ${at.instance}: ${what}; the saga worker settles it`,
    ]);
    return true;
  });
}

function outcomeOf({ event, version, data, failed, effectStays, reason }: SagaResolveFlags): Outcome {
  if (effectStays === true)
    return {
      kind: 'failed',
      failure: { category: 'business', certainty: 'applied', code: EFFECT_STAYS, message: reason },
    };
  if (failed !== undefined)
    return {
      kind: 'failed',
      failure: { category: 'business', certainty: 'not_applied', code: failed, message: reason },
    };
  if (event === undefined || data === undefined)
    throw new CliError(
      'say what became of it: --event <type> --data <json> of the fact that the step would have told, --failed <code> or, of an undo, --effect-stays',
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
