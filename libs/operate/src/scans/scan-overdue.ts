import { type OverdueEntry, readOverdueJournal, type WaitingCalls } from '@convergekit/saga/operate';
import { readSchedules } from '@convergekit/reconcile/operate';
import { shellWord } from '@convergekit/core/engine';
import type { ScanFinding } from './findings.ts';
import type { NamedExecutor } from './scan-outbox.ts';
import { overdueOf } from '../conditions/reconciler-text.ts';

/** The entries that one round reports of a database, the oldest first. */
const LIMIT = 100;

/** Finds open steps, calls and workflows that have waited for longer than the bound, or for an operator. */
export async function scanJournal(
  { name, executor }: NamedExecutor,
  overdueMs: number,
): Promise<readonly ScanFinding[]> {
  const entries = await readOverdueJournal(executor, { afterMs: overdueMs, limit: LIMIT });
  return entries.map((entry) => finding(name, entry));
}

function finding(database: string, entry: OverdueEntry): ScanFinding {
  const { kind, name, id, key, step, state, ageMs } = entry;
  return {
    alarm: 'journal_overdue',
    id: `overdue ${database} ${kind} ${name} ${id} ${step ?? ''} ${state}`,
    fields: { database, kind, name, id, key, step, state, ageMs: Math.round(ageMs) },
    text: `${overdueText(entry)} for too long: \`${overdueCommand(entry)}\``,
  };
}

/** Finds reconcilers of a database whose scheduled start no process makes. */
export async function scanSchedules({ name, executor }: NamedExecutor): Promise<readonly ScanFinding[]> {
  return (await readSchedules(executor)).flatMap((schedule): readonly ScanFinding[] => {
    const { reconciler, overdueSince: dueAt, leader, lastCompletedAt } = schedule;
    const overdue = overdueOf({ ...schedule, name: reconciler });
    if (overdue === undefined) return [];
    return [
      {
        alarm: 'reconcile_overdue',
        id: `schedule ${name} ${reconciler}`,
        fields: { database: name, reconciler, dueAt, lastCompletedAt, leader },
        text: `${reconciler}: ${overdue.text}: \`${overdue.next[0] ?? ''}\``,
      },
    ];
  });
}

/** Leaves out calls without a worker, which are reported by their declaration. Pure. */
export function withWorker(
  entries: readonly OverdueEntry[],
  unclaimed: readonly WaitingCalls[],
): readonly OverdueEntry[] {
  const known = new Set(unclaimed.map(({ call }) => call));
  return entries.filter(({ kind, name, state }) => kind !== 'call' || state === 'stuck' || !known.has(name));
}

/** Says which step, call or workflow is in which state. Pure. */
export function overdueText({ kind, name, key, step, state }: OverdueEntry): string {
  const what = kind === 'step' ? `step ${step ?? '?'} of ${name}` : `${kind} ${name}`;
  return `${what}${key === null ? '' : ` of key ${key}`} is ${state}`;
}

/** Returns the command that shows an overdue or stuck step, call or workflow. Pure. */
export function overdueCommand({ kind, name, id }: Pick<OverdueEntry, 'kind' | 'name' | 'id'>): string {
  switch (kind) {
    case 'step':
      return `converge saga show ${shellWord(id)}`;
    case 'call':
      return `converge call show ${id}`;
    case 'workflow':
      return `converge workflow show ${name} ${shellWord(id)}`;
  }
}
