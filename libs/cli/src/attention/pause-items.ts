import { MOST_PAUSES, type SagaPause } from '@convergekit/saga/operate';
import { MORE_PAUSES, pauseText, resumeCommandOf } from '../doctor/pause-checks.ts';
import type { AttentionItem } from './item.ts';

/** Lists the paused sagas (pure): none goes on before an operator resumes it. */
export function pauseItems(pauses: readonly SagaPause[]): readonly AttentionItem[] {
  const kind = { kind: 'saga_paused', severity: 'watch', alarm: 'saga_paused' } as const;
  const listed = pauses.map((pause) => ({
    ...kind,
    text: pauseText(pause),
    since: pause.at,
    next: resumeCommandOf(pause),
    about: { name: pause.saga, ...(pause.instance !== null && { id: pause.instance }) },
  }));
  if (listed.length < MOST_PAUSES) return listed;
  const { text, next } = MORE_PAUSES;
  return [...listed, { ...kind, text, since: null, next, about: {} }];
}
