import type { Database } from '@convergekit/postgres';
import {
  forgetStep,
  listStacks,
  readStack,
  type Resolution,
  resolveStack,
  retryStack,
  type StackRecord,
  type StackState,
  type StackVerdict,
  verifyStack,
} from '@convergekit/workflow';
import { sagaMigrations } from '@convergekit/effects';
import { audit, operator } from '../../frame/audit.ts';
import { CliError } from '../../frame/cli-error.ts';
import { confirm } from '../../frame/confirm.ts';
import { withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { requireMigrations } from '../../frame/migrations.ts';
import { table } from '../../frame/output.ts';

export interface StackListFlags {
  readonly state?: readonly StackState[];
  readonly stack?: string;
  readonly limit: number;
}

export interface StackActFlags {
  readonly reason: string;
  readonly yes?: boolean;
}

export interface StackResolveFlags extends StackActFlags {
  readonly undone?: boolean;
  readonly notApplied?: boolean;
  readonly applied?: string;
}

const open: readonly StackState[] = ['running', 'compensating', 'stuck'];

/** What has not ended, unless other states are asked for. */
export function listStackCommand(
  context: CommandContext,
  { state = open, stack, limit }: StackListFlags,
): Promise<boolean> {
  return within(context, async ({ executor }) => {
    const rows = await listStacks(executor, { states: state, stack, limit });
    context.output.result(rows, () =>
      table([
        ['STACK', 'ID', 'STATE', 'ENTRIES', 'BEGAN', 'DUE'],
        ...rows.map((row) => [
          row.stack,
          row.id,
          row.stuckReason === null ? row.state : `${row.state}: ${row.stuckReason}`,
          String(row.entries),
          row.createdAt.toISOString(),
          row.dueAt === null ? '-' : row.dueAt.toISOString(),
        ]),
      ]),
    );
    return true;
  });
}

export function showStack(context: CommandContext, name: string, id: string): Promise<boolean> {
  return within(context, async ({ executor }) => {
    const record = await readStack(executor, name, id);
    const { plan } = verifyStack(record);
    context.output.result({ ...record, plan }, () => [
      `${name} ${id}: ${record.stuckReason === null ? record.state : `${record.state}: ${record.stuckReason}`}`,
      '',
      'undo, in its order:',
      ...table(plan.map(({ step, path, does }) => ['', String(step), path, does])),
      '',
      'journal:',
      ...journalLines(record),
    ]);
    return true;
  });
}

function journalLines({ journal }: StackRecord): readonly string[] {
  return table(
    journal.map(({ seq, kind, path, data, atMs }) => [
      String(seq),
      new Date(atMs).toISOString(),
      kind,
      path === '' ? '(all)' : path,
      data === '{}' ? '' : data,
    ]),
  );
}

/** `false`, and so exit code 1, when journal and state do not agree. */
export function verifyStackCommand(context: CommandContext, name: string, id: string): Promise<boolean> {
  return within(context, async ({ executor }) => {
    const record = await readStack(executor, name, id);
    const verdict = verifyStack(record);
    const passed = verdict.issues.length === 0;
    context.output.result({ stack: name, id, passed, ...verdict }, () =>
      verdictLines(context, record, verdict),
    );
    return passed;
  });
}

function verdictLines(
  { output }: CommandContext,
  { stack, id, entries }: StackRecord,
  { issues, state }: StackVerdict,
): readonly string[] {
  if (issues.length === 0)
    return [`${output.mark('ok')} ${stack} ${id}: its ${entries} entries come to ${state}, as its row says`];
  return [
    `${output.mark('fail')} ${stack} ${id}: journal and state do not agree`,
    ...issues.map((issue) => `     ${issue}`),
  ];
}

export function retryStackCommand(
  context: CommandContext,
  name: string,
  id: string,
  { reason }: StackActFlags,
): Promise<boolean> {
  return within(context, async (database) => {
    await retryStack(database, name, id, { actor: operator(), note: reason });
    audit('stack retry', { stack: name, id, reason });
    context.output.result({ stack: name, id, retried: true }, () => [`${name} ${id}: due now`]);
    return true;
  });
}

export function resolveStackCommand(
  context: CommandContext,
  name: string,
  id: string,
  flags: StackResolveFlags,
): Promise<boolean> {
  const resolution = resolutionOf(flags);
  return within(context, async (database) => {
    const { reason, yes = false } = flags;
    await confirm(`Take the step of ${name} ${id} that is stuck for ${resolution.kind}?`, { yes });
    await resolveStack(database, name, id, resolution, { actor: operator(), note: reason });
    audit('stack resolve', { stack: name, id, resolution: resolution.kind, reason });
    context.output.result({ stack: name, id, resolved: resolution.kind }, () => [
      `${name} ${id}: ${resolution.kind}; the stack worker goes on from there`,
    ]);
    return true;
  });
}

export function forgetStepCommand(
  context: CommandContext,
  name: string,
  id: string,
  { reason, yes = false }: StackActFlags,
): Promise<boolean> {
  return within(context, async (database) => {
    await confirm(`Leave the effect of the step of ${name} ${id} that is stuck as it is, for ever?`, { yes });
    await forgetStep(database, name, id, { actor: operator(), note: reason });
    audit('stack forget', { stack: name, id, reason });
    context.output.result({ stack: name, id, forgotten: true }, () => [
      `${name} ${id}: its effect stays; what was done before it is undone`,
    ]);
    return true;
  });
}

function resolutionOf({ undone, notApplied, applied }: StackResolveFlags): Resolution {
  if (undone === true) return { kind: 'undone' };
  if (notApplied === true) return { kind: 'not_applied' };
  if (applied === undefined)
    throw new CliError('say what became of it: --undone, --not-applied, or --applied <json>', {
      code: 'OUTCOME_MISSING',
      category: 'configuration',
    });
  try {
    JSON.parse(applied);
    return { kind: 'applied', result: applied };
  } catch (cause) {
    throw new CliError(`--applied must be the result as JSON: ${String(cause)}`, {
      code: 'OUTCOME_INVALID',
      category: 'configuration',
    });
  }
}

function within(
  { settings }: CommandContext,
  fn: (database: Database) => Promise<boolean>,
): Promise<boolean> {
  return withDatabase(settings, 'converge-stack', async (database) => {
    await requireMigrations(database.executor, [sagaMigrations]);
    return fn(database);
  });
}
