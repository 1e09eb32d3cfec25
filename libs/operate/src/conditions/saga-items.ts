import {
  heldText,
  type LateCalls,
  type LateInstances,
  type OverdueEntry,
  type SagaPause,
  type WaitingCalls,
} from '@convergekit/saga/operate';
import { overdueCommand, overdueText, withWorker } from '../scans/scan-overdue.ts';
import { counted } from '../text.ts';
import { severityOfPause } from './consumer-items.ts';
import { type FoundCondition, page } from './found.ts';

/** Names a saga, or one instance of it. */
export const sagaName = (saga: string, instance: string | null | undefined): string =>
  instance == null ? saga : `${saga} ${instance}`;

/** Lists calls that wait (pure), by declaration, with the last failure: an outage of the other system is one item. */
export function lateCallItems(late: readonly LateCalls[], now: number): readonly FoundCondition[] {
  return late.map(({ call, calls, oldestMs, reason, refused }) => {
    const why = reason === null ? 'no attempt was made yet' : `the last failure is mostly ${reason}`;
    const open =
      refused === 0 ? '' : `; an open breaker refused ${refused === calls ? 'all' : refused} of them since`;
    return {
      severity: 'watch',
      alarm: 'calls_waiting',
      text: `${counted(calls, 'call', 'calls')} of ${call} ${calls === 1 ? 'waits' : 'wait'}: ${why}${open}`,
      since: new Date(now - oldestMs),
      next: `converge call list --name ${call}`,
      about: { name: call },
    } as const;
  });
}

/** Lists the sagas that are late, or wait for an operator, by what their observer read (pure). */
export function lateSagaItems(late: readonly LateInstances[]): readonly FoundCondition[] {
  return late.map(({ saga, state, count, since }) => {
    const are = count === 1 ? 'is' : 'are';
    return {
      severity: state === 'stuck' ? 'act' : 'watch',
      alarm: state === 'stuck' ? 'step_stuck' : 'saga_expired',
      text:
        state === 'stuck'
          ? `${counted(count, 'saga', 'sagas')} of ${saga} ${are} stuck by what the observer read`
          : `${counted(count, 'saga', 'sagas')} of ${saga} ${are} expired: not ended in time`,
      since,
      next: `converge saga list --saga ${saga} --state ${state}`,
      page: page('See the sagas', '/sagas', { saga, state }),
      about: { name: saga },
    } as const;
  });
}

/** The most pauses that are read. */
export const MOST_PAUSES = 200;

/** Lists the paused sagas (pure): none goes on before an operator resumes it. */
export function pauseItems(pauses: readonly SagaPause[], now: number): readonly FoundCondition[] {
  const common = { alarm: 'saga_paused', state: 'paused' } as const;
  const listed = pauses.map((pause) => {
    const { saga, instance, at, by, reason } = pause;
    const only = instance === null ? '' : ` --instance ${instance}`;
    return {
      ...common,
      severity: severityOfPause(at, now),
      text: `${sagaName(saga, instance)} is paused by ${by} since ${at.toISOString()} (${reason}): ${heldText(pause)}`,
      since: at,
      next: `converge saga resume ${saga}${only} --reason "…"`,
      page: page('Resume it', '/saga/resume', { saga, instance: instance ?? undefined }),
      about: { name: saga, ...(instance !== null && { id: instance }) },
    };
  });
  if (listed.length < MOST_PAUSES) return listed;
  const text = `these are the oldest ${MOST_PAUSES} pauses, and there may be more`;
  const next = 'resume what may go on, and look again';
  return [...listed, { ...common, severity: 'watch', text, since: null, next, about: {} }];
}

/** Lists steps, calls and workflows that are stuck or late (pure). Calls without a worker are `workerItems`. */
export function journalItems(
  entries: readonly OverdueEntry[],
  unclaimed: readonly WaitingCalls[],
  now: number,
): readonly FoundCondition[] {
  return withWorker(entries, unclaimed).map((entry) => {
    const { kind, name, id, state, ageMs } = entry;
    return {
      severity: state === 'stuck' ? 'act' : 'watch',
      alarm: alarmOf(entry),
      text: overdueText(entry),
      since: new Date(now - ageMs),
      next: overdueCommand(entry),
      ...(kind === 'step' && { page: page('Open the saga', `/sagas/${encodeURIComponent(id)}`) }),
      about: { name, id },
    } as const;
  });
}

function alarmOf({ kind, state }: OverdueEntry): string {
  if (state !== 'stuck') return 'journal_overdue';
  return kind === 'step' ? 'step_stuck' : kind === 'workflow' ? 'workflow_stuck' : 'call_late';
}

/** Lists calls that are due and that no worker claims (pure). */
export function workerItems(unclaimed: readonly WaitingCalls[], now: number): readonly FoundCondition[] {
  return unclaimed.map(({ call, calls, oldestMs }) => ({
    severity: 'act',
    alarm: 'call_undeclared',
    text: `no worker does ${call}: ${counted(calls, 'call waits', 'calls wait')}; start its service`,
    since: new Date(now - oldestMs),
    next: `converge call list --name ${call}`,
    about: { name: call },
  }));
}
