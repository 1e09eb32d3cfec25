import type { ParkedGroup, PartitionOverview } from '@convergekit/inbox/operate';
import type { OverdueSchedule, ReconcilerStatus } from '@convergekit/reconcile/operate';
import {
  MOST_PAUSES,
  type OverdueEntry,
  type SagaPause,
  type UnclaimedWork,
} from '@convergekit/saga/operate';
import { overdueAttention } from '../commands/reconcile/attention.ts';
import { formatMs } from '../frame/output.ts';
import { overdueCommand, overdueText, withWorker } from '../scans/scan-overdue.ts';
import { type Finding, firstOf } from './findings.ts';
import { heldText, nameOf } from '../commands/saga/pause.ts';

/** Checks the parked events of consumers (pure): a dead letter waits for an operator, all others are retried. */
export function checkParked(
  groups: readonly Pick<ParkedGroup, 'consumer' | 'state' | 'code' | 'events' | 'keys' | 'oldest'>[],
  now: Date,
): readonly Finding[] {
  const open = groups.filter(({ state }) => state === 'dead' || state === 'waiting');
  return firstOf(open, { check: 'parked', verdict: 'ok', text: 'no event is parked' }, (group) => {
    const { consumer, state, code, events, keys, oldest } = group;
    const age = formatMs(now.getTime() - oldest.getTime());
    const why = code === null ? 'behind another event of their key' : code;
    const dead = state === 'dead';
    return {
      check: dead ? 'dead letters' : 'parked',
      verdict: dead ? 'fail' : 'warn',
      text: `${consumer}: ${events} ${dead ? 'dead letters' : 'events wait'} of ${keys} keys, ${why}, the oldest for ${age}`,
      next: `converge parked list --consumer ${consumer} --state ${state}`,
    };
  });
}

/** Checks the partitions of consumers (pure). */
export function checkPartitions(
  partitions: readonly Pick<PartitionOverview, 'consumer' | 'topic' | 'partition' | 'halted'>[],
): readonly Finding[] {
  const check = 'consumers';
  const consumers = new Set(partitions.map(({ consumer }) => consumer));
  const sound = partitions.length === 0 ? 'none has started here' : [...consumers].join(', ');
  const halted = partitions.flatMap((one) => (one.halted === null ? [] : [{ ...one, halted: one.halted }]));
  return firstOf(
    halted,
    { check, verdict: 'ok', text: sound },
    ({ consumer, topic, partition, halted: why }) => ({
      check,
      verdict: 'fail',
      text: `${consumer} is halted at ${topic}/${partition}: ${why.code}: ${why.reason}`,
      next: `converge consumers list ${consumer}`,
    }),
  );
}

/** Checks the journals of sagas, calls and workflows (pure). Work without a worker is `checkWorkers`. */
export function checkJournal(
  entries: readonly OverdueEntry[],
  unclaimed: readonly UnclaimedWork[],
): readonly Finding[] {
  const sound: Finding = {
    check: 'sagas',
    verdict: 'ok',
    text: 'no step, call or workflow is stuck or overdue',
  };
  return firstOf(withWorker(entries, unclaimed), sound, (entry) => ({
    check: 'sagas',
    verdict: entry.state === 'stuck' ? 'fail' : 'warn',
    text: `${overdueText(entry)} for ${formatMs(entry.ageMs)}`,
    next: overdueCommand(entry),
  }));
}

/** Checks that workers claim the work of effects (pure). */
export function checkWorkers(unclaimed: readonly UnclaimedWork[]): readonly Finding[] {
  const check = 'workers';
  const sound: Finding = { check, verdict: 'ok', text: 'no intent waits for a worker' };
  return firstOf(unclaimed, sound, ({ effect, intents, oldestMs }) => ({
    check,
    verdict: 'fail',
    text: `no worker does ${effect}: ${intents} intents wait, the oldest for ${formatMs(oldestMs)}; start the service with sagaWorker(effectsOf(…), { database })`,
    next: `converge effects list --effect ${effect}`,
  }));
}

/** Checks the reconcilers of this database (pure). A paused one is meant to be. */
export function checkReconcilers(statuses: readonly ReconcilerStatus[]): readonly Finding[] {
  const check = 'reconcilers';
  const held = statuses.filter((one) => one.paused === null && (one.held !== null || one.leader === null));
  const paused = statuses.filter((one) => one.paused !== null);
  const names = statuses.map(({ name }) => name).join(', ');
  const text = statuses.length === 0 ? 'none has run here' : `${names}; ${paused.length} paused`;
  return firstOf(held, { check, verdict: 'ok', text }, ({ name, held: why }) =>
    why === null
      ? { check, verdict: 'warn', text: `no process runs ${name}`, next: 'converge reconcile run' }
      : {
          check,
          verdict: 'fail',
          text: `${name} is held: ${why.reason}`,
          next: `converge reconcile show ${name}`,
        },
  );
}

/** Reports reconcilers whose scheduled start no process makes; undefined: the login may not read them. Pure. */
export function checkSchedules(overdue: readonly OverdueSchedule[] | undefined): readonly Finding[] {
  if (overdue === undefined)
    return [
      {
        check: 'reconcilers',
        verdict: 'ok',
        text: 'their schedules were not looked at: this login may not read them (role read)',
      },
    ];
  return overdue.map((one): Finding => {
    const { text, next } = overdueAttention(one);
    return {
      check: 'alarm reconcile_overdue',
      verdict: 'warn',
      text: `${one.reconciler}: ${text}`,
      next: next.join('; '),
    };
  });
}

/** Reports the paused sagas, since when and why (pure). */
export function checkPauses(pauses: readonly SagaPause[]): readonly Finding[] {
  const listed: readonly Finding[] = pauses.map((pause) => ({
    check: 'alarm saga_paused',
    verdict: 'warn',
    text: pauseText(pause),
    next: resumeCommandOf(pause),
  }));
  return pauses.length < MOST_PAUSES ? listed : [...listed, MORE_PAUSES];
}

/** What is said where a list of pauses is full. */
export const MORE_PAUSES = {
  check: 'alarm saga_paused',
  verdict: 'warn',
  text: `these are the oldest ${MOST_PAUSES} pauses, and there may be more`,
  next: 'resume what may go on, and look again',
} as const;

/** One line about a pause (pure). */
export function pauseText(pause: SagaPause): string {
  const { saga, instance, at, by, reason } = pause;
  return `${nameOf(saga, instance)} is paused by ${by} since ${at.toISOString()} (${reason}): ${heldText(pause)}`;
}

export function resumeCommandOf({ saga, instance }: Pick<SagaPause, 'saga' | 'instance'>): string {
  return `converge saga resume ${saga}${instance === null ? '' : ` --instance ${instance}`} --reason "…"`;
}
