import { MOST_PAUSES, type SagaPause } from '@convergekit/saga/operate';
import { heldText, nameOf } from '../commands/saga/pause.ts';
import type { Finding } from './findings.ts';

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
