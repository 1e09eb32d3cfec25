import type { Reconciler } from '@convergekit/reconcile';
import { readStatus, type ReconcilerStatus } from '@convergekit/reconcile/operate';
import { classify } from '@convergekit/resilience';
import { command } from '../../frame/command.ts';
import type { CommandContext } from '../../frame/context.ts';
import { type Cell, result, tableOf } from '../../frame/result.ts';
import { addressesOf } from '@convergekit/operate/host';
import { attentionLines, attentionOf } from '@convergekit/operate';
import { loadReconcilers } from '@convergekit/operate/declared';
import { allDatabases } from '../../frame/all-databases.ts';
import { anyArguments } from '../../frame/flags.ts';
import { nextOf, stateText } from './status-text.ts';

const modulesArgument = {
  modules: anyArguments(
    'files, folders or packages that export reconcilers (default: those of CONVERGE__MODULES; else what the databases know)',
  ),
};

/** Shows what the modules declare, and how each stands where the settings name its database. Without modules: what the databases know. */
export const listCommand = command({
  name: 'list',
  summary:
    'show the reconcilers of the modules, or of the databases: schedules, last and next run, state, and keys that wait',
  args: modulesArgument,
  run: async (context, { modules }) => {
    const isDeclared = modules.length > 0 || context.settings.modules.length > 0;
    const found = isDeclared ? await readDeclared(context, modules) : await readUndeclared(context);
    const rows = found.map(rowOf);
    const open = found.flatMap(({ status }) => (typeof status === 'object' ? attentionLines(status) : []));
    return result(rows, () => [
      ...tableOf(rows, 'no reconcilers', columns),
      ...(open.length === 0 ? [] : ['', ...open]),
    ]);
  },
});

/** The status of a reconciler, or why it could not be read; undefined: its database has no row of it yet. */
type Found = ReconcilerStatus | string | undefined;

interface Listed {
  readonly name: string;
  /** Undefined: no module of the settings declares it. */
  readonly reconciler?: Reconciler;
  readonly status: Found;
}

async function readDeclared(context: CommandContext, modules: readonly string[]): Promise<readonly Listed[]> {
  const reconcilers = await loadReconcilers(context.settings, modules);
  const statusOf = await readStatuses(context, reconcilers);
  return reconcilers.map((reconciler) => ({
    name: reconciler.name,
    reconciler,
    status: statusOf(reconciler),
  }));
}

/** Reads the reconcilers that the databases of the settings have rows of: an operator has no modules. */
async function readUndeclared(context: CommandContext): Promise<readonly Listed[]> {
  const all = await allDatabases(context);
  const found = await Promise.all(all.map(({ executor }) => readStatus(executor)));
  return found.flat().map((status) => ({ name: status.name, status }));
}

function rowOf({ name, reconciler, status: found }: Listed) {
  const schedule = reconciler?.schedule;
  const status = typeof found === 'object' ? found : undefined;
  return {
    name,
    mode: reconciler?.mode ?? null,
    schedule: schedule?.cron ?? null,
    timeZone: schedule?.timeZone ?? null,
    last: status?.lastCompletedAt?.toISOString() ?? null,
    next: nextOf(schedule, status)?.toISOString() ?? null,
    state: typeof found === 'string' ? found : stateText(status),
    paused: status?.paused ?? null,
    held: status?.held ?? null,
    approved: status?.approved ?? null,
    overdueSince: status?.overdueSince ?? null,
    attention: status === undefined ? [] : attentionOf(status),
    keys: status?.keys ?? null,
    desired: reconciler?.desired.in ?? null,
    actual: reconciler?.actual.in ?? null,
  };
}

const columns: Readonly<Record<string, (row: ReturnType<typeof rowOf>) => Cell>> = {
  name: (row) => row.name,
  mode: (row) => row.mode,
  schedule: ({ mode, schedule, timeZone }) =>
    schedule === null ? (mode === null ? null : 'when reported') : `${schedule} (${timeZone})`,
  'last run': (row) => row.last,
  'next run': (row) => row.next,
  state: (row) => row.state,
  queued: (row) => row.keys?.queued,
  pending: (row) => row.keys?.pending,
  terminal: (row) => row.keys?.terminal,
  compares: ({ desired, actual }) => (desired === null ? null : `${desired} → ${actual}`),
};

type Statuses = (reconciler: Reconciler) => Found;

/** Reads each database once. A text says why one could not be read: the others are shown all the same. */
async function readStatuses(context: CommandContext, reconcilers: readonly Reconciler[]): Promise<Statuses> {
  const read = new Map<string, readonly ReconcilerStatus[] | string>();
  for (const reconciler of reconcilers) {
    const { in: name } = reconciler.actual;
    const [address] = addressesOf(context.settings, [name]);
    if (address === undefined) read.set(name, 'its database is not in the settings');
    else if (!read.has(name)) read.set(name, await tryRead(context, address.url));
  }
  return ({ name, actual }) => {
    const found = read.get(actual.in);
    return typeof found === 'string' ? found : found?.find((status) => status.name === name);
  };
}

async function tryRead(context: CommandContext, url: string): Promise<readonly ReconcilerStatus[] | string> {
  try {
    return await readStatus((await context.databaseAt(url)).executor);
  } catch (error) {
    return `not readable: ${classify(error).message.split('\n')[0] ?? ''}`;
  }
}
