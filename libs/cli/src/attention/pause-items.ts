import type { SagaPause } from '@convergekit/saga/operate';
import { pauseText, resumeCommandOf } from '../doctor/pause-checks.ts';
import type { AttentionItem } from './item.ts';

/** Lists the paused sagas (pure): none goes on before an operator resumes it. */
export function pauseItems(pauses: readonly SagaPause[]): readonly AttentionItem[] {
  return pauses.map((pause) => ({
    kind: 'saga_paused',
    severity: 'watch',
    alarm: 'saga_paused',
    text: pauseText(pause),
    since: pause.at,
    next: resumeCommandOf(pause),
    about: { name: pause.saga, ...(pause.instance !== null && { id: pause.instance }) },
  }));
}
