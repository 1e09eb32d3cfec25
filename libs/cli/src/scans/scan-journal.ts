import { type OverdueEntry, readOverdueJournal } from '@convergekit/saga/operate';
import type { Finding } from './findings.ts';
import { overdueCommand } from './overdue-entry.ts';
import type { NamedExecutor } from './scan-outbox.ts';

/** The entries that one round reports of a database, the oldest first. */
const LIMIT = 100;

/** Finds open steps, calls and workflows that have waited for longer than the bound, or for an operator. */
export async function scanJournal(
  { name, executor }: NamedExecutor,
  overdueMs: number,
): Promise<readonly Finding[]> {
  const entries = await readOverdueJournal(executor, { afterMs: overdueMs, limit: LIMIT });
  return entries.map((entry) => finding(name, entry));
}

function finding(database: string, entry: OverdueEntry): Finding {
  const { kind, name, id, key, step, state, ageMs } = entry;
  const what = kind === 'step' ? `step ${step ?? '?'} of ${name}` : `${kind} ${name}`;
  return {
    alarm: 'journal_overdue',
    id: `overdue ${database} ${kind} ${name} ${id} ${step ?? ''} ${state}`,
    fields: { database, kind, name, id, key, step, state, ageMs: Math.round(ageMs) },
    text: `${what}${key === null ? '' : ` of key ${key}`} is ${state} for too long: \`${overdueCommand(entry)}\``,
  };
}
