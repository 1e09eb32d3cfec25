import type { SagaPause } from '@convergekit/saga/operate';
import { heldText, nameOf } from '../commands/saga/paused-saga.ts';
import type { Finding } from './findings.ts';

/** Reports the paused sagas, since when and why (pure). */
export function checkPauses(pauses: readonly SagaPause[]): readonly Finding[] {
  return pauses.map((pause) => ({
    check: 'alarm saga_paused',
    verdict: 'warn',
    text: pauseText(pause),
    next: resumeCommandOf(pause),
  }));
}

/** One line about a pause (pure). */
export function pauseText(pause: SagaPause): string {
  const { saga, instance, at, by, reason } = pause;
  return `${nameOf(saga, instance)} is paused by ${by} since ${at.toISOString()} (${reason}): ${heldText(pause)}`;
}

export function resumeCommandOf({ saga, instance }: Pick<SagaPause, 'saga' | 'instance'>): string {
  return `converge saga resume ${saga}${instance === null ? '' : ` --instance ${instance}`} --reason "…"`;
}
