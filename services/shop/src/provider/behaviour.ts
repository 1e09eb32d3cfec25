import { z } from 'zod';

/**
 * The behaviour of the provider, to inject faults. `every`: only every n-th call.
 * `decline`: refuses · `fail`: 500, nothing done · `hang`: never answers, nothing done · `late`: charges, and answers after
 * `lateMs` · `normal`.
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
