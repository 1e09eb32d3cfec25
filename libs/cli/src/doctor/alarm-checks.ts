import { alarmDefinitions, conditionsOf, type HeldTopic, type Survey } from '@convergekit/relay/operate';
import type { Finding } from './findings.ts';

/** As the relay's own default. */
const LATE_AFTER_MS = 60_000;

/**
 * The alarms of the relay that can be seen from outside, under the names that stand in its log and at /metrics. Pure.
 * Alarms that only the process itself can detect (a stall, a broker that accepts nothing) are in its /readyz and /livez.
 */
export function checkAlarms(survey: Survey, held: readonly HeldTopic[]): readonly Finding[] {
  const conditions = conditionsOf({ held, survey }, { lateAfterMs: LATE_AFTER_MS });
  if (conditions.length === 0)
    return [{ check: 'alarms', verdict: 'ok', text: 'none that can be seen from here' }];
  return conditions.map(({ name, text }) => ({
    check: `alarm ${name}`,
    verdict: name.startsWith('topic_') ? 'fail' : 'warn',
    text,
    next: alarmDefinitions[name].next,
  }));
}
