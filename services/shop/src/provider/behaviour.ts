import { z } from 'zod';

/**
 * How the provider misbehaves. `decline`: says no · `fail`: 500, nothing done · `hang`: never answers, nothing done ·
 * `late`: does it, and answers after `lateMs` · `normal`. Every n-th call only, with `every`.
 */
export const behaviourSchema = z.strictObject({
  mode: z.enum(['normal', 'decline', 'fail', 'hang', 'late']),
  every: z.int().min(1).default(1),
  lateMs: z.int().min(0).max(60_000).default(3_000),
});
export type Behaviour = z.infer<typeof behaviourSchema>;

export const normal: Behaviour = { mode: 'normal', every: 1, lateMs: 0 };

export function modeOf(behaviour: Behaviour, call: number): Behaviour['mode'] {
  return call % behaviour.every === 0 ? behaviour.mode : 'normal';
}
