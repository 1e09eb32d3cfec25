import {
  type BreakerWait,
  MOST_PAUSES,
  type OverdueEntry,
  type SagaPause,
  type UnclaimedWork,
} from '@convergekit/saga/operate';
import type { ReconcilerStatus } from '@convergekit/reconcile/operate';
import type { HeldTopic, Survey } from '@convergekit/relay/operate';
import { formatMs } from '../frame/output.ts';
import { overdueCommand, overdueText, withWorker } from '../scans/scan-overdue.ts';
import type { AttentionItem } from './item.ts';
import { relayConditions } from '../doctor/backlog-checks.ts';
import { MORE_PAUSES, pauseText, resumeCommandOf } from '../doctor/service-checks.ts';
import { attentionOf } from '../commands/reconcile/attention.ts';
import type { Finding } from '../scans/findings.ts';

/** Lists steps, calls and workflows that are stuck or late (pure). Calls without a worker are `workerItems`. */
export function journalItems(
  entries: readonly OverdueEntry[],
  unclaimed: readonly UnclaimedWork[],
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

/** Lists the paused sagas (pure): none goes on before an operator resumes it. */
export function pauseItems(pauses: readonly SagaPause[]): readonly AttentionItem[] {
  const kind = { kind: 'saga_paused', severity: 'watch', alarm: 'saga_paused' } as const;
  const listed = pauses.map((pause) => ({
    ...kind,
    text: pauseText(pause),
    since: pause.at,
    next: resumeCommandOf(pause),
    about: { name: pause.saga, ...(pause.instance !== null && { id: pause.instance }) },
  }));
  if (listed.length < MOST_PAUSES) return listed;
  const { text, next } = MORE_PAUSES;
  return [...listed, { ...kind, text, since: null, next, about: {} }];
}

/** Lists held repairs, starts that were not made, and keys left to an operator (pure). A pause is meant to be. */
export function reconcilerItems(statuses: readonly ReconcilerStatus[]): readonly AttentionItem[] {
  return statuses.flatMap((status) => [heldItem(status), overdueItem(status), leftItem(status)].flat());
}

function heldItem({ name, held, keys }: ReconcilerStatus): readonly AttentionItem[] {
  if (held === null) return [];
  return [
    {
      kind: 'reconciler',
      severity: 'act',
      alarm: 'reconcile_held',
      text: `${name} is held: ${held.reason}; ${keys.pending} ${keys.pending === 1 ? 'key waits' : 'keys wait'} with a drift`,
      since: held.at,
      next: `converge reconcile diff ${name}`,
      about: { reconciler: name },
    },
  ];
}

function overdueItem(status: ReconcilerStatus): readonly AttentionItem[] {
  const { name, overdueSince } = status;
  if (overdueSince === null) return [];
  const { text = '', next = [] } = attentionOf({ ...status, paused: null, held: null })[0] ?? {};
  return [
    {
      kind: 'reconciler',
      severity: 'watch',
      alarm: 'reconcile_overdue',
      text: `${name}: ${text}`,
      since: overdueSince,
      next: next[0] ?? `converge reconcile show ${name}`,
      about: { reconciler: name },
    },
  ];
}

function leftItem({ name, keys }: ReconcilerStatus): readonly AttentionItem[] {
  if (keys.terminal === 0) return [];
  return [
    {
      kind: 'reconciler',
      severity: 'act',
      alarm: 'reconcile_unresolvable',
      text: `${name} leaves ${keys.terminal} ${keys.terminal === 1 ? 'key' : 'keys'} to an operator`,
      since: null,
      next: `converge reconcile diff ${name}`,
      about: { reconciler: name },
    },
  ];
}

/** Lists the alarms of the relay that its database shows (pure). */
export function relayItems(
  survey: Survey,
  held: readonly HeldTopic[],
  now: number,
): readonly AttentionItem[] {
  return relayConditions(survey, held).map(({ name, subject, text, next }) => ({
    kind: 'relay',
    severity: name.startsWith('topic_') || name === 'outbox_full' ? 'act' : 'watch',
    alarm: name,
    text,
    since: name === 'events_late' ? new Date(now - survey.oldestMs) : null,
    next,
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
