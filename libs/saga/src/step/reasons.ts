import type { FailureData } from '@convergekit/contracts/engine';
import { stored } from '../effects/work/decide.ts';
import type { Trigger } from '../declare/triggers.ts';
import type { Reason } from '../fence/decision-sql.ts';

/** The reason of an undo: the failure or undone event that made it necessary. */
export function reasonOf(
  { fact, of, type }: Pick<Trigger, 'fact' | 'of' | 'type'>,
  failure: FailureData | undefined,
): Reason {
  const who = of?.name ?? 'the saga';
  if (failure !== undefined) {
    const { code, certainty, message } = stored(failure);
    return { code, text: `${who} failed (${certainty}): ${message}` };
  }
  return fact === 'undone'
    ? { code: 'UNDONE', text: `${who} was undone: ${type}` }
    : { code: 'REJECTED', text: `${who} was refused: ${type}` };
}
