import type { BreakerWait, OverdueEntry, UnclaimedWork } from '@convergekit/saga/operate';
import { formatMs } from '../frame/output.ts';
import { overdueCommand } from '../scans/overdue-entry.ts';
import type { AttentionItem } from './item.ts';

/** Lists steps, calls and workflows that are stuck or late (pure). Calls without a worker are `workerItems`. */
export function journalItems(
  entries: readonly OverdueEntry[],
  unclaimed: readonly UnclaimedWork[],
  now: number,
): readonly AttentionItem[] {
  const known = new Set(unclaimed.map(({ effect }) => effect));
  return entries
    .filter(({ kind, name, state }) => kind !== 'call' || state === 'stuck' || !known.has(name))
    .map((entry) => {
      const { kind, name, id, key, step, state, ageMs } = entry;
      const what = kind === 'step' ? `step ${step ?? '?'} of ${name}` : `${kind} ${name}`;
      return {
        kind: kind === 'step' ? 'saga' : kind,
        severity: state === 'stuck' ? 'act' : 'watch',
        alarm: alarmOf(entry),
        text: `${what}${key === null ? '' : ` of key ${key}`} is ${state}`,
        since: new Date(now - ageMs),
        next: overdueCommand(entry),
        about: { name, id },
      } as const;
    });
}

function alarmOf({ kind, state }: OverdueEntry): string {
  if (state !== 'stuck') return 'journal_overdue';
  return kind === 'step' ? 'step_stuck' : kind === 'workflow' ? 'workflow_stuck' : 'effect_late';
}

/** Lists effects whose due calls no worker claims (pure). */
export function workerItems(unclaimed: readonly UnclaimedWork[], now: number): readonly AttentionItem[] {
  return unclaimed.map(({ effect, intents, oldestMs }) => ({
    kind: 'worker',
    severity: 'act',
    alarm: 'effect_undeclared',
    text: `no worker does ${effect}: ${intents} ${intents === 1 ? 'call waits' : 'calls wait'}, the oldest for ${formatMs(oldestMs)}`,
    since: new Date(now - oldestMs),
    next: `converge effects list --effect ${effect}`,
    about: { name: effect },
  }));
}

/** Lists effects whose calls wait for an open breaker (pure): the other system failed too often. */
export function breakerItems(waits: readonly BreakerWait[], now: number): readonly AttentionItem[] {
  return waits.map(({ effect, calls, oldestMs }) => ({
    kind: 'breaker',
    severity: 'watch',
    alarm: 'breaker_open',
    text: `the breaker of ${effect} is open: ${calls} ${calls === 1 ? 'call waits' : 'calls wait'}, the oldest for ${formatMs(oldestMs)}`,
    since: new Date(now - oldestMs),
    next: `converge effects list --effect ${effect}`,
    about: { name: effect },
  }));
}
