import {
  alarmDefinitions,
  conditionsOf,
  type HeldTopic,
  type OutboxState,
  type Survey,
} from '@convergekit/relay/operate';
import { type FoundCondition, HERE, page } from './found.ts';

/** The page of a relay. */
export const seeRelay = page('See the relay', '/consumers', { database: HERE });

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
): readonly FoundCondition[] {
  return conditionsOf({ held, survey }, { lateAfterMs: LATE_AFTER_MS }).map(({ name, subject, text }) => ({
    severity: name.startsWith('topic_') || name === 'outbox_full' ? 'act' : 'watch',
    alarm: name,
    text,
    since: name === 'events_late' ? new Date(now - survey.oldestMs) : null,
    next: alarmDefinitions[name].next,
    page: seeRelay,
    about: { topic: subject },
  }));
}

/** Lists the topics that wait (pure). The relay writes the reason as `CODE: detail`. */
export function heldTopics({ held }: Pick<OutboxState, 'held'>): readonly HeldTopic[] {
  return held.map(({ topic, heldAt, reason }) => {
    const [, code = 'UNKNOWN', detail = ''] = /^(\w+): (.*)$/s.exec(reason) ?? [];
    return { topic, state: 'halted', code, detail, heldAt: BigInt(heldAt) };
  });
}
