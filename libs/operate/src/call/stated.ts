import { UsageError } from '../host/errors.ts';
import { asked, json, optional, text, toggle } from '../registry/fields.ts';

/** The outcomes that an operator states of calls, steps and workflows, of which one is given. */
export const outcomes = {
  succeeded: asked(optional(json('it took effect, with this result'))),
  failed: asked(text('code', 'it certainly took no effect; the code of why, as NOT_FOUND')),
  undone: asked(toggle('its effect is undone')),
  effectStays: asked(toggle('of an undo that cannot be done: its effect stays, the steps before continue')),
};

/** Refuses any number of stated outcomes but one. Throws OUTCOME_MISSING, with `how` to state one. */
export function requireOne(outcome: Readonly<Record<string, unknown>>, how: string): void {
  const stated = Object.values(outcome).filter((one) => one !== undefined && one !== false);
  if (stated.length !== 1) throw new UsageError('OUTCOME_MISSING', `give one outcome: ${how}`);
}
