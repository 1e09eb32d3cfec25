import type { OverdueEntry, UnclaimedWork } from '@convergekit/saga/operate';
import type { ParkedGroup, PartitionOverview } from '@convergekit/inbox/operate';
import type { ReconcilerStatus } from '@convergekit/reconcile/operate';
import { formatMs } from '../frame/output.ts';
import { overdueCommand } from '../scans/overdue-entry.ts';
import type { Finding } from './findings.ts';

/** The findings of each kind that are named; the others are counted. */
const NAMED = 5;

/** Checks the parked events of consumers (pure): a dead letter waits for an operator, all others are retried. */
export function checkParked(
  groups: readonly Pick<ParkedGroup, 'consumer' | 'state' | 'code' | 'events' | 'keys' | 'oldest'>[],
  now: Date,
): readonly Finding[] {
  const open = groups.filter(({ state }) => state === 'dead' || state === 'waiting');
  return some(open, { check: 'parked', verdict: 'ok', text: 'no event is parked' }, (group) => {
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
  return some(
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
  const known = new Set(unclaimed.map(({ effect }) => effect));
  const open = entries.filter(
    ({ kind, name, state }) => kind !== 'call' || state === 'stuck' || !known.has(name),
  );
  const sound: Finding = {
    check: 'sagas',
    verdict: 'ok',
    text: 'no step, call or workflow is stuck or overdue',
  };
  return some(open, sound, ({ kind, name, id, step, state, ageMs, key }) => {
    const what = kind === 'step' ? `step ${step ?? '?'} of ${name}` : `${kind} ${name}`;
    return {
      check: 'sagas',
      verdict: state === 'stuck' ? 'fail' : 'warn',
      text: `${what}${key === null ? '' : ` of key ${key}`} is ${state} for ${formatMs(ageMs)}`,
      next: overdueCommand({ kind, name, id }),
    };
  });
}

/** Checks that workers claim the work of effects (pure). */
export function checkWorkers(unclaimed: readonly UnclaimedWork[]): readonly Finding[] {
  const check = 'workers';
  const sound: Finding = { check, verdict: 'ok', text: 'no intent waits for a worker' };
  return some(unclaimed, sound, ({ effect, intents, oldestMs }) => ({
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
  return some(held, { check, verdict: 'ok', text }, ({ name, held: why }) =>
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

function some<T>(found: readonly T[], sound: Finding, findingOf: (one: T) => Finding): readonly Finding[] {
  if (found.length === 0) return [sound];
  const named = found.slice(0, NAMED).map(findingOf);
  const more = found.length - named.length;
  return more === 0
    ? named
    : [...named, { check: sound.check, verdict: 'warn', text: `${more} more like these` }];
}
