import type { Reconciler } from '@convergekit/reconcile';
import { listRuns, readStatus, type ReconcilerStatus } from '@convergekit/reconcile/operate';
import { command } from '../../frame/command.ts';
import { labelled } from '../../frame/fields.ts';
import { type Cell, result, tableOf } from '../../frame/result.ts';
import { attentionLines } from '@convergekit/operate';
import { findReconciler, nameArgument } from './find-reconciler.ts';
import { runColumns } from './history.ts';
import { nextOf, stateText } from './status-text.ts';

const RUNS = 5;

export const showCommand = command({
  name: 'show',
  summary: 'one reconciler: what it declares, its state, its keys, its last runs, and what to do next',
  args: nameArgument,
  run: async (context, { name }) => {
    const { declared, executor } = await findReconciler(context, name);
    const [status] = await readStatus(executor, name);
    const runs = await listRuns(executor, name, RUNS);
    const schedule = declared?.schedule;
    const next = nextOf(schedule, status);
    const value = {
      name,
      mode: declared?.mode ?? null,
      schedule: schedule ?? null,
      desired: declared?.desired.in ?? null,
      actual: declared?.actual.in ?? null,
      limits: declared?.limits ?? null,
      timing: declared?.timing ?? null,
      next,
      status: status ?? null,
      runs,
    };
    const lines: readonly (readonly [string, Cell])[] = [
      ['reconciler', name],
      ['state', stateText(status)],
      ['approved', status?.approved && approvedText(status.approved)],
      ['mode', declared?.mode ?? 'not declared in the modules of the settings'],
      ['schedule', declared === undefined ? undefined : scheduleText(declared)],
      ['missed starts', schedule?.missed],
      ['last run', status?.lastCompletedAt],
      ['next run', next],
      ['leader', status?.leader],
      ['keys', status && keysText(status.keys)],
    ];
    return result(value, () => [
      ...labelled(lines),
      '',
      ...tableOf(runs, 'no runs', runColumns),
      ...nextLines(status),
    ]);
  },
});

const scheduleText = ({ schedule }: Reconciler): string =>
  schedule === undefined ? 'when reported' : `${schedule.cron} (${schedule.timeZone})`;

function keysText(keys: Readonly<Record<string, number>>): string {
  return Object.entries(keys)
    .map(([state, count]) => `${count} ${state}`)
    .join(', ');
}

function approvedText({
  repairs,
  keys,
  until,
  by,
  reason,
}: NonNullable<ReconcilerStatus['approved']>): string {
  const end = until === null ? '' : ` until ${until.toISOString()}`;
  const of = keys === null ? '' : ` (${keys.join(', ')})`;
  return `${repairs} repairs${of} are left${end}, by ${by}: ${reason}`;
}

function nextLines(status: ReconcilerStatus | undefined): readonly string[] {
  if (status === undefined) return [];
  const open = attentionLines(status);
  if (open.length > 0) return ['', ...open];
  return status.leader === null ? ['', 'next: start a process: converge reconcile run'] : [];
}
