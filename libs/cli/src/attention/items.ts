import { heldText, type OverdueEntry, type SagaPause, type WaitingCalls } from '@convergekit/saga/operate';
import type { ReconcilerStatus } from '@convergekit/reconcile/operate';
import { alarmDefinitions, conditionsOf, type HeldTopic, type Survey } from '@convergekit/relay/operate';
import { overdueCommand, overdueText, withWorker } from '../scans/scan-overdue.ts';
import { counted } from '../frame/output.ts';
import type { AttentionItem, Condition } from './item.ts';
import { nameOf } from '../commands/saga/pause.ts';
import { overdueOf } from '../commands/reconcile/attention.ts';
import type { Finding } from '../scans/findings.ts';

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
  return kind === 'step' ? 'step_stuck' : kind === 'workflow' ? 'workflow_stuck' : 'effect_late';
}

/** Lists effects whose due calls no worker claims (pure). */
export function workerItems(unclaimed: readonly WaitingCalls[], now: number): readonly AttentionItem[] {
  return unclaimed.map(({ effect, calls, oldestMs }) => ({
    kind: 'worker',
    severity: 'act',
    alarm: 'effect_undeclared',
    text: `no worker does ${effect}: ${counted(calls, 'call waits', 'calls wait')}; start its service`,
    since: new Date(now - oldestMs),
    next: `converge effects list --effect ${effect}`,
    about: { name: effect },
  }));
}

/** Lists effects whose calls wait for an open breaker (pure): the other system failed too often. */
export function breakerItems(waits: readonly WaitingCalls[], now: number): readonly AttentionItem[] {
  return waits.map(({ effect, calls, oldestMs }) => ({
    kind: 'breaker',
    severity: 'watch',
    alarm: 'breaker_open',
    text: `the breaker of ${effect} is open: ${counted(calls, 'call waits', 'calls wait')}`,
    since: new Date(now - oldestMs),
    next: `converge effects list --effect ${effect}`,
    about: { name: effect },
  }));
}

/** The most pauses that are read. */
export const MOST_PAUSES = 200;

/** Lists the paused sagas (pure): none goes on before an operator resumes it. */
export function pauseItems(pauses: readonly SagaPause[]): readonly AttentionItem[] {
  const kind = { kind: 'saga_paused', severity: 'watch', alarm: 'saga_paused' } as const;
  const listed = pauses.map((pause) => {
    const { saga, instance, at, by, reason } = pause;
    const only = instance === null ? '' : ` --instance ${instance}`;
    return {
      ...kind,
      text: `${nameOf(saga, instance)} is paused by ${by} since ${at.toISOString()} (${reason}): ${heldText(pause)}`,
      since: at,
      next: `converge saga resume ${saga}${only} --reason "…"`,
      about: { name: saga, ...(instance !== null && { id: instance }) },
    };
  });
  if (listed.length < MOST_PAUSES) return listed;
  const text = `these are the oldest ${MOST_PAUSES} pauses, and there may be more`;
  return [
    ...listed,
    { ...kind, text, since: null, next: 'resume what may go on, and look again', about: {} },
  ];
}

/** Lists held repairs, starts that were not made, and keys left to an operator (pure). A pause is meant to be. */
export function reconcilerItems(statuses: readonly ReconcilerStatus[]): readonly Condition[] {
  return statuses.flatMap((status) => {
    const { name, held, paused, overdueSince, leader, keys } = status;
    const common = { kind: 'reconciler', about: { reconciler: name } } as const;
    const next = `converge reconcile diff ${name}`;
    const found: Condition[] = [];
    if (held !== null) {
      const text = `${name} is held: ${held.reason}; ${counted(keys.pending, 'key waits', 'keys wait')} with a drift`;
      found.push({ ...common, severity: 'act', alarm: 'reconcile_held', text, since: held.at, next });
    }
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
      found.push({ ...common, severity: 'act', alarm: 'reconcile_unresolvable', text, since: null, next });
    }
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
export function stalledItems(findings: readonly Finding[], now: number): readonly AttentionItem[] {
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
