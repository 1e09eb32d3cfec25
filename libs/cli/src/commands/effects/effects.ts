import type { Database } from '@convergekit/postgres';
import {
  listWork,
  type Outcome,
  readWork,
  resolveWork,
  retryWork,
  sagaMigrations,
  type WorkDetail,
  type WorkState,
} from '@convergekit/effects';
import { audit, operator } from '../../frame/audit.ts';
import { CliError } from '../../frame/cli-error.ts';
import { confirm } from '../../frame/confirm.ts';
import { withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { requireMigrations } from '../../frame/migrations.ts';
import { table } from '../../frame/output.ts';

export interface EffectListFlags {
  readonly state?: readonly WorkState[];
  readonly effect?: string;
  readonly limit: number;
}

export interface EffectRetryFlags {
  readonly reason: string;
  readonly yes?: boolean;
}

export interface EffectResolveFlags extends EffectRetryFlags {
  readonly succeeded?: string;
  readonly failed?: string;
}

const open: readonly WorkState[] = ['ready', 'calling', 'unknown', 'answered', 'stuck'];

/** What waits or is stuck, unless other states are asked for. */
export function listEffects(
  context: CommandContext,
  { state = open, effect, limit }: EffectListFlags,
): Promise<boolean> {
  return within(context, async ({ executor }) => {
    const rows = await listWork(executor, { states: state, effect, limit });
    context.output.result(rows, () =>
      table([
        ['ID', 'EFFECT', 'KEY', 'STATE', 'CALLS', 'QUERIES', 'ASKED', 'DUE'],
        ...rows.map((row) => [
          row.id,
          row.effect,
          row.key,
          row.stuckReason === null ? row.state : `${row.state}: ${row.stuckReason}`,
          String(row.attempts),
          String(row.queries),
          row.createdAt.toISOString(),
          row.endedAt === null && row.state !== 'stuck' ? row.dueAt.toISOString() : '-',
        ]),
      ]),
    );
    return true;
  });
}

export function showEffect(context: CommandContext, id: string): Promise<boolean> {
  return within(context, async ({ executor }) => {
    const work = await readWork(executor, id);
    context.output.result(work, () => JSON.stringify(work, null, 2).split('\n'));
    return true;
  });
}

export function retryEffects(
  context: CommandContext,
  ids: readonly string[],
  { reason, yes = false }: EffectRetryFlags,
): Promise<boolean> {
  return within(context, async ({ executor }) => {
    const works = [];
    for (const id of ids) works.push(await ownWork(executor, id));
    const stuck = works.filter(({ state }) => state === 'stuck').length;
    if (stuck > 0) await confirm(`Call again ${stuck} that may have taken effect already?`, { yes });
    for (const id of ids) {
      await retryWork(executor, id, operator(), reason);
      audit('effects retry', { id, reason });
    }
    context.output.result({ retried: ids }, () => ids.map((id) => `${id}: due now`));
    return true;
  });
}

export function resolveEffect(
  context: CommandContext,
  id: string,
  flags: EffectResolveFlags,
): Promise<boolean> {
  const outcome = outcomeOf(flags);
  return within(context, async ({ executor }) => {
    const { effect, state } = await ownWork(executor, id);
    const { reason, yes = false } = flags;
    await confirm(`Settle ${effect} ${id}, which is ${state}, as ${outcome.kind}?`, { yes });
    await resolveWork(executor, id, outcome, operator(), reason);
    audit('effects resolve', { id, effect, outcome: outcome.kind, reason });
    context.output.result({ resolved: id, outcome: outcome.kind }, () => [
      `${id}: ${outcome.kind}; the saga worker settles it`,
    ]);
    return true;
  });
}

/** Throws WORK_OF_SAGA for that of a step: its saga's journal is to know who acted. */
async function ownWork(executor: Database['executor'], id: string): Promise<WorkDetail> {
  const work = await readWork(executor, id);
  const { instance, step } = work;
  if (instance === null) return work;
  throw new CliError(
    `${id} is of a step of a saga, whose journal is to know who acted: use \`converge saga retry ${instance} ${step ?? ''}\`, or \`saga resolve\``,
    { code: 'WORK_OF_SAGA', category: 'data' },
  );
}

function outcomeOf({ succeeded, failed, reason }: EffectResolveFlags): Outcome {
  if (failed !== undefined)
    return {
      kind: 'failed',
      failure: { category: 'business', certainty: 'not_applied', code: failed, message: reason },
    };
  if (succeeded === undefined)
    throw new CliError('say what became of it: --succeeded <json>, or --failed <code>', {
      code: 'OUTCOME_MISSING',
      category: 'configuration',
    });
  try {
    JSON.parse(succeeded);
    return { kind: 'succeeded', result: succeeded };
  } catch (cause) {
    throw new CliError(`--succeeded must be the result as JSON: ${String(cause)}`, {
      code: 'OUTCOME_INVALID',
      category: 'configuration',
    });
  }
}

function within(
  { settings }: CommandContext,
  fn: (database: Database) => Promise<boolean>,
): Promise<boolean> {
  return withDatabase(settings, 'converge-effects', async (database) => {
    await requireMigrations(database.executor, [sagaMigrations]);
    return fn(database);
  });
}
