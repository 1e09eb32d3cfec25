import { secondsToFull } from '@convergekit/outbox/engine';
import type { Executor } from '@convergekit/postgres';
import { COUNTED, type HeldTopic, survey, type Survey } from '@convergekit/relay/operate';
import type { Finding } from './findings.ts';
import { formatBytes, formatMs } from '../frame/output.ts';

/** The part of a survey that these checks need. */
export type Backlog = Pick<Survey, 'backlog' | 'oldestMs' | 'holder' | 'terms' | 'limit'>;

/** The lease of the relay, by which a survey finds who publishes. */
const LEASE = 'relay';

/** Surveys the outbox once, as a relay does. */
export function readSurvey(executor: Executor): Promise<Survey> {
  return survey(executor, { lease: LEASE, now: Date.now });
}

const heldSql = `
  select topic, held_at::text as "heldAt", held_reason as reason from converge.relay_topic
   where held_at is not null order by topic`;

/** Reads the topics that wait. The relay writes the reason as `CODE: detail`. */
export async function readHeld(executor: Executor): Promise<readonly HeldTopic[]> {
  const { rows } = await executor.query<{ topic: string; heldAt: string; reason: string | null }>(heldSql);
  return rows.map(({ topic, heldAt, reason }) => {
    const [, code = 'UNKNOWN', detail = ''] = /^(\w+): (.*)$/s.exec(reason ?? '') ?? [];
    return { topic, state: 'halted', code, detail, heldAt: BigInt(heldAt) };
  });
}

const LATE_MS = 10_000;

/** Checks the backlog (pure). */
export function checkBacklog({ backlog, oldestMs, holder, terms, limit }: Backlog): readonly Finding[] {
  return [
    holder === undefined
      ? { check: 'relay', verdict: 'warn', text: 'none publishes this outbox now', next: 'converge relay' }
      : { check: 'relay', verdict: 'ok', text: `${holder} holds the lease and publishes${changes(terms)}` },
    waiting(backlog, oldestMs),
    room(limit),
  ];
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

function changes(terms: number): string {
  return terms > 1 ? `; ${terms} terms within ten minutes` : '';
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
