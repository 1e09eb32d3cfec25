import type { HorizonBlocker } from '@convergekit/relay/operate';
import type { Finding } from './finding.ts';
import { formatMs } from '../text.ts';

export const LONG_MS = 60_000;

/**
 * Checks open transactions: publishing goes on, but retention waits for them, and tables grow. The function is pure.
 */
export function checkTransactions(found: readonly HorizonBlocker[]): readonly Finding[] {
  const check = 'long transactions';
  const text = `none older than ${formatMs(LONG_MS)}, and no idle replication slot`;
  if (found.length === 0) return [{ check, verdict: 'ok', text }];
  return found.map((blocker) => ({
    check: blocker.kind === 'slot' ? 'replication slot' : check,
    verdict: 'warn',
    text: textOf(blocker),
    next: nextOf(blocker),
  }));
}

function textOf({ kind, holder, application, database, ageMs }: HorizonBlocker): string {
  const who = `${holder}, ${application}, database ${database}`;
  switch (kind) {
    case 'writer':
    case 'prepared':
      return `${who}, open for ${formatMs(ageMs ?? 0)}: old rows cannot leave meanwhile`;
    case 'reader':
      return `${who}, reading for ${formatMs(ageMs ?? 0)}: old rows leave when it ends`;
    case 'slot':
      return `${who}: deleted rows keep their space, and WAL may pile up`;
  }
}

function nextOf({ kind, holder, database }: HorizonBlocker): string {
  switch (kind) {
    case 'writer':
    case 'reader':
      return `end it in its application, or select pg_terminate_backend(${holder.replace('pid ', '')})`;
    case 'prepared':
      return `commit prepared or rollback prepared it in ${database}`;
    case 'slot':
      return `let its consumer connect, or select pg_drop_replication_slot('${holder.replace('slot ', '')}')`;
  }
}
