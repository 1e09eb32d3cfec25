import { secondsToFull } from '@convergekit/outbox/engine';
import { COUNTED, type HeldTopic, type OutboxState, type Survey } from '@convergekit/relay/operate';
import type { Finding } from './finding.ts';
import { formatBytes, formatMs } from '../text.ts';

/** The part of a survey that these checks need. */
export type Backlog = Pick<Survey, 'backlog' | 'oldestMs' | 'holder' | 'lost' | 'limit'>;

/** Lists the topics that wait (pure). The relay writes the reason as `CODE: detail`. */
export function heldTopics({ held }: Pick<OutboxState, 'held'>): readonly HeldTopic[] {
  return held.map(({ topic, heldAt, reason }) => {
    const [, code = 'UNKNOWN', detail = ''] = /^(\w+): (.*)$/s.exec(reason) ?? [];
    return { topic, state: 'halted', code, detail, heldAt: BigInt(heldAt) };
  });
}

const LATE_MS = 10_000;

/** Checks the backlog (pure). */
export function checkBacklog(found: Backlog): readonly Finding[] {
  return [publisher(found), waiting(found.backlog, found.oldestMs), room(found.limit)];
}

/** The relay that publishes. */
function publisher({ holder, lost, backlog, oldestMs }: Backlog): Finding {
  const check = 'relay';
  // A database may have the tables of an outbox, and emit nothing. One that a relay led has its alarm.
  if (holder === undefined && backlog === 0 && oldestMs === 0)
    return { check, verdict: 'ok', text: 'none publishes this outbox now, and no event waits for one' };
  return holder === undefined
    ? { check, verdict: 'warn', text: 'none publishes this outbox now', next: 'converge relay' }
    : { check, verdict: 'ok', text: `${holder} holds the lease and publishes${losses(lost)}` };
}

/** The room that is left below the limit; the alarms report when it gets short. */
function room(limit: Backlog['limit']): Finding {
  const check = 'outbox limit';
  const { maxBytes, waitingBytes, refuses } = limit;
  if (maxBytes === undefined)
    return {
      check,
      verdict: 'ok',
      text: `none (outbox.maxBytes): while nothing is published the outbox grows until the disk is full; ${formatBytes(waitingBytes)} wait`,
    };
  const left = secondsToFull(limit);
  const forecast =
    left === undefined ? 'not growing' : `full in ${formatMs(left * 1_000)} at the present rate`;
  const then = refuses ? 'emits are refused then' : 'only an alarm then';
  return {
    check,
    verdict: 'ok',
    text: `${formatBytes(waitingBytes)} of ${formatBytes(maxBytes)} wait, ${forecast}; ${then}`,
  };
}

function losses(lost: number): string {
  return lost > 0 ? `; its lease was lost ${lost} times within ten minutes` : '';
}

function waiting(events: number, oldestMs: number): Finding {
  const check = 'backlog';
  if (events === 0 && oldestMs === 0) return { check, verdict: 'ok', text: 'no event waits to be published' };
  const age = formatMs(oldestMs);
  const text = textOf(events, age);
  if (oldestMs < LATE_MS) return { check, verdict: 'ok', text };
  return { check, verdict: 'warn', text, next: "see the relay's log and /readyz" };
}

function textOf(events: number, age: string): string {
  // Events of halted topics are not counted; only their age is known.
  if (events === 0) return `events of halted topics wait, the oldest for ${age}`;
  if (events === 1) return `1 event waits, for ${age}`;
  return `${events >= COUNTED ? 'about ' : ''}${events} events wait, the oldest for ${age}`;
}
