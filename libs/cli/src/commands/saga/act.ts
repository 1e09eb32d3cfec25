import type { Database } from '@convergekit/postgres';
import { resolveStep, retryStep, type StepWord, waitingStep } from '@convergekit/saga';
import { sagaMigrations } from '@convergekit/effects';
import { isSaga } from './graph.ts';
import { audit, operator } from '../../frame/audit.ts';
import { CliError } from '../../frame/cli-error.ts';
import { confirm } from '../../frame/confirm.ts';
import { withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { requireMigrations } from '../../frame/migrations.ts';
import { exportsOf } from '../../frame/module-exports.ts';

export interface SagaActFlags {
  readonly reason: string;
  readonly yes?: boolean;
}

export interface SagaResolveFlags extends SagaActFlags {
  readonly event?: string;
  readonly version?: number;
  /** Modules that export the declarations of sagas. */
  readonly sagas?: readonly string[];
  readonly key?: string;
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
    const seen = await waitingStep(database, at);
    const { state, work } = seen;
    const again = state === 'stuck' || work.some((one) => one.state === 'stuck');
    if (again) await confirm(`Try again ${step}, which may have taken effect already?`, { yes });
    const acted = await retryStep(database, at, { actor: operator(), note: reason }, { seen });
    audit('saga retry', { instance, step, reason });
    context.output.result({ instance, step, ...acted }, () => [`${step} of ${instance}: due now`]);
    return true;
  });
}

/** Says what became of a step, from the records of the other side; the worker settles it like any other outcome. */
export async function resolveCommand(
  context: CommandContext,
  instance: string,
  step: string,
  flags: SagaResolveFlags,
): Promise<boolean> {
  const word = wordOf(flags);
  const exported = (await Promise.all((flags.sagas ?? []).map(exportsOf))).flat();
  const sagas = exported.filter(isSaga).map(({ declaration }) => declaration);
  if (word.kind !== 'effect_stays' && sagas.length === 0)
    throw new CliError(
      'what you say is checked against the declaration of the saga: name the module that exports it, such as --sagas ./schemas/sagas.ts',
      { code: 'SAGAS_MISSING', category: 'configuration' },
    );
  const { reason, yes = false } = flags;
  return within(context, async (database) => {
    const at = { instance, step };
    const seen = await waitingStep(database, at);
    const [first] = seen.work;
    const what =
      word.kind === 'fact' ? word.type : word.kind === 'failed' ? word.code : 'an effect that stays';
    const waits =
      first === undefined
        ? `${step}, which is ${seen.state}`
        : `${first.op} of ${step}, which is ${first.state}`;
    await confirm(`Settle ${waits}, as ${what}?`, { yes });
    const acted = await resolveStep(database, at, word, { actor: operator(), note: reason }, { sagas, seen });
    audit('saga resolve', { ...at, outcome: what, reason });
    context.output.result({ ...at, ...acted, outcome: what }, () => [
      `${step} of ${instance}: ${what}; the saga worker settles it`,
    ]);
    return true;
  });
}

function wordOf({ event, version, data, key, failed, effectStays }: SagaResolveFlags): StepWord {
  if (effectStays === true) return { kind: 'effect_stays' };
  if (failed !== undefined) return { kind: 'failed', code: failed };
  if (event === undefined || data === undefined)
    throw new CliError(
      'say what became of it: --event <type> --data <json> of the fact that the step would have emitted, --failed <code> or, of an undo, --effect-stays',
      { code: 'OUTCOME_MISSING', category: 'configuration' },
    );
  try {
    JSON.parse(data);
  } catch (cause) {
    throw new CliError(`--data must be the event's data as JSON: ${String(cause)}`, {
      code: 'OUTCOME_INVALID',
      category: 'configuration',
    });
  }
  const more = { ...(version === undefined ? {} : { version }), ...(key === undefined ? {} : { key }) };
  return { kind: 'fact', type: event, payload: data, ...more };
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
