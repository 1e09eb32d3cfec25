import { alarmDefinitions, conditionsOf, type HeldTopic, type Survey } from '@convergekit/relay/operate';
import type { Finding } from '../scans/findings.ts';
import type { AttentionItem } from './item.ts';

/** The relay's default, in milliseconds. */
const LATE_AFTER_MS = 60_000;

/** Lists the alarms of the relay that its database shows (pure). */
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
