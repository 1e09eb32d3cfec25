import { shellWord } from '@convergekit/core/engine';
import type { OverdueEntry, WaitingCalls } from '@convergekit/saga/operate';
import type { LateKeys, ReconcilerStatus } from '@convergekit/reconcile/operate';
import { alarmDefinitions, conditionsOf, type HeldTopic, type Survey } from '@convergekit/relay/operate';
import { overdueCommand, overdueText, withWorker } from '../scans/scan-overdue.ts';
import { counted } from '../text.ts';
import { BURST, FORGOTTEN_MS } from './bounds.ts';
import type { AttentionItem, FoundCondition } from './item.ts';
import { overdueOf } from './reconciler-text.ts';
import type { ScanFinding } from '../scans/findings.ts';

/** Lists steps, calls and workflows that are stuck or late (pure). Calls without a worker are `workerItems`. */
export function journalItems(
  entries: readonly OverdueEntry[],
  unclaimed: readonly WaitingCalls[],
  now: number,
): readonly AttentionItem[] {
  return withWorker(entries, unclaimed).map((entry) => {
    const { kind, name, id, state, ageMs } = entry;
    return {
      kind: kind === 'step' ? 'saga' : kind,
      severity: state === 'stuck' ? 'act' : 'watch',
      alarm: alarmOf(entry),
      text: overdueText(entry),
      since: new Date(now - ageMs),
      next: overdueCommand(entry),
      about: { name, id },
    } as const;
  });
}

function alarmOf({ kind, state }: OverdueEntry): string {
  if (state !== 'stuck') return 'journal_overdue';
  return kind === 'step' ? 'step_stuck' : kind === 'workflow' ? 'workflow_stuck' : 'call_late';
}

/** Lists calls that are due and that no worker claims (pure). */
export function workerItems(unclaimed: readonly WaitingCalls[], now: number): readonly AttentionItem[] {
  return unclaimed.map(({ call, calls, oldestMs }) => ({
    kind: 'worker',
    severity: 'act',
    alarm: 'call_undeclared',
    text: `no worker does ${call}: ${counted(calls, 'call waits', 'calls wait')}; start its service`,
    since: new Date(now - oldestMs),
    next: `converge call list --name ${call}`,
    about: { name: call },
  }));
}

/** Lists held repairs, starts that were not made, and keys left to an operator (pure), and pauses: one may be meant to last. */
export function reconcilerItems(statuses: readonly ReconcilerStatus[]): readonly FoundCondition[] {
  return statuses.flatMap((status) => {
    const { name, held, paused, overdueSince, leader, keys } = status;
    const common = { kind: 'reconciler', about: { reconciler: name } } as const;
    // A diff needs the modules of the user, which an operator may not have.
    const next = `converge reconcile show ${shellWord(name)}`;
    const found: FoundCondition[] = [];
    if (held !== null) {
      const text = `${name} is held: ${held.reason}; ${counted(keys.pending, 'key waits', 'keys wait')} with a drift`;
      found.push({ ...common, severity: 'act', alarm: 'reconcile_held', text, since: held.at, next });
    }
    const burst = burstOf(status);
    if (burst !== undefined) found.push({ ...common, ...burst });
    const overdue = overdueOf(status);
    if (overdue !== undefined)
      found.push({
        ...common,
        severity: 'watch',
        alarm: 'reconcile_overdue',
        text: `${name}: ${overdue.text}`,
        since: overdueSince,
        next: overdue.next.join('; '),
      });
    if (keys.terminal > 0) {
      const text = `${name} leaves ${counted(keys.terminal, 'key', 'keys')} to an operator`;
      found.push({
        ...common,
        severity: 'act',
        alarm: 'reconcile_unresolvable',
        text,
        since: null,
        next: `converge reconcile audit ${shellWord(name)}`,
      });
    }
    if (paused !== null)
      found.push({
        ...common,
        kind: 'reconciler_paused',
        severity: 'watch',
        alarm: 'reconcile_paused',
        text: `${name} is paused by ${paused.by}: ${paused.reason}`,
        since: paused.at,
        next: `converge reconcile resume ${shellWord(name)}`,
      });
    if (paused === null && held === null && leader === null && overdueSince === null)
      found.push({
        severity: 'note',
        text: `no process runs ${name}`,
        since: null,
        next: 'converge reconcile run',
      });
    return found;
  });
}

/** Describes repairs in the mass that no limit holds, in the hour after the first of them (pure). */
function burstOf({ name, held, now, window }: ReconcilerStatus) {
  const { since, repairs, lastRunKeys } = window;
  if (held !== null || repairs <= BURST || now.getTime() - since.getTime() > FORGOTTEN_MS) return undefined;
  return {
    severity: 'watch',
    alarm: 'reconcile_burst',
    text: `${name} repaired ${repairs} keys since ${since.toISOString()} (its last run had ${lastRunKeys} keys)`,
    since,
    next: `converge reconcile audit ${shellWord(name)}`,
  } as const;
}

/** Lists keys that no worker takes, and drifts that wait for something else (pure). */
export function lateKeyItems(late: readonly LateKeys[]): readonly AttentionItem[] {
  return late.map(({ reconciler, due, waiting, reason, since }) => {
    const parts = [
      ...(due === 0 ? [] : [`${counted(due, 'key is', 'keys are')} due, and no worker takes them`]),
      ...(waiting === 0
        ? []
        : [`${counted(waiting, 'drift waits', 'drifts wait')}${reason === null ? '' : `: ${reason}`}`]),
    ];
    return {
      kind: 'reconciler',
      severity: 'watch',
      alarm: 'reconcile_keys_late',
      text: `${reconciler}: ${parts.join('; ')}`,
      since,
      next: `converge reconcile show ${shellWord(reconciler)}`,
      about: { reconciler },
    } as const;
  });
}

/** The relay's default, in milliseconds. */
const LATE_AFTER_MS = 60_000;

/**
 * Lists the alarms of the relay that its database shows, under their names in log and /metrics (pure). Alarms that only the
 * process itself can detect (a stall, a broker that accepts nothing) are in its /readyz and /livez.
 */
export function relayItems(
  survey: Survey,
  held: readonly HeldTopic[],
  now: number,
): readonly AttentionItem[] {
  return conditionsOf({ held, survey }, { lateAfterMs: LATE_AFTER_MS }).map(({ name, subject, text }) => ({
    kind: 'relay',
    severity: name.startsWith('topic_') || name === 'outbox_full' ? 'act' : 'watch',
    alarm: name,
    text,
    since: name === 'events_late' ? new Date(now - survey.oldestMs) : null,
    next: alarmDefinitions[name].next,
    about: { topic: subject },
  }));
}

/** Lists events that were sent long ago and that a consumer of one of the databases has not handled (pure). */
export function stalledItems(findings: readonly ScanFinding[], now: number): readonly AttentionItem[] {
  return findings.map(({ alarm, text, fields }) => {
    const { consumer, topic, ageMs } = fields;
    return {
      kind: 'stalled',
      severity: 'watch',
      alarm,
      text: text.replace(/: look at .*$/s, ''),
      since: typeof ageMs === 'number' ? new Date(now - ageMs) : null,
      next: `converge consumers list ${String(consumer)}`,
      about: { consumer: String(consumer), topic: String(topic) },
    } as const;
  });
}
