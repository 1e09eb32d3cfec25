import { messageOf } from '@convergekit/core/engine';
import { sqlState } from '@convergekit/postgres/engine';

/** SQLSTATEs of a side that could not be read whole, although the scan is declared correctly. */
const TIMED_OUT = ['57014', '55P03', '25P04'];
const UNAVAILABLE = /^(08|40|53|57P|58|XX)/;

/** The reason for which a range is unknown. undefined: an error of the declaration, which must be fixed. Pure. */
export function unknownReason(
  error: unknown,
): { readonly timedOut: boolean; readonly text: string } | undefined {
  const state = sqlState(error);
  const message = messageOf(error);
  if (state === undefined)
    // Without SQLSTATE it comes from the connection, except for errors of the program.
    return error instanceof Error && (error instanceof TypeError || error instanceof RangeError)
      ? undefined
      : { timedOut: false, text: message };
  if (TIMED_OUT.includes(state)) return { timedOut: true, text: message };
  return UNAVAILABLE.test(state) ? { timedOut: false, text: message } : undefined;
}
