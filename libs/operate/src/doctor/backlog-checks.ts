import { secondsToFull } from '@convergekit/outbox/engine';
import { COUNTED, type Survey } from '@convergekit/relay/operate';
import type { Finding } from './finding.ts';
import { formatBytes, formatMs } from '../text.ts';

/** The part of a survey that these checks need. */
export type Backlog = Pick<Survey, 'backlog' | 'oldestMs' | 'holder' | 'lost' | 'limit'>;

/** Describes the backlog (pure). Conditions say what is wrong with it. */
export function checkBacklog(found: Backlog): readonly Finding[] {
  return [publisher(found), waiting(found.backlog, found.oldestMs), room(found.limit)];
}

/** The relay that publishes. */
function publisher({ holder, lost }: Backlog): Finding {
  const text =
    holder === undefined
      ? 'none publishes this outbox now'
      : `${holder} holds the lease and publishes${losses(lost)}`;
  return { check: 'relay', verdict: 'ok', text };
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
  return { check, verdict: 'ok', text: textOf(events, formatMs(oldestMs)) };
}

function textOf(events: number, age: string): string {
  // Events of halted topics are not counted; only their age is known.
  if (events === 0) return `events of halted topics wait, the oldest for ${age}`;
  if (events === 1) return `1 event waits, for ${age}`;
  return `${events >= COUNTED ? 'about ' : ''}${events} events wait, the oldest for ${age}`;
}
