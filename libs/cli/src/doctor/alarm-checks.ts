import { alarmDefinitions, conditionsOf, type HeldTopic, type Survey } from '@convergekit/relay/operate';
import type { Finding } from './findings.ts';

/** The relay's default, in milliseconds. */
const LATE_AFTER_MS = 60_000;

/**
 * Returns the relay's alarms that the database shows, under their names in log and /metrics. The function is pure.
 * Alarms that only the process itself can detect (a stall, a broker that accepts nothing) are in its /readyz and
 * /livez.
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
