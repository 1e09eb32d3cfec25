import { ConvergeError } from '@convergekit/core';

/** The error of an option of the relay that is out of its range. The message names the range. */
export function optionInvalid(what: string): ConvergeError {
  return new ConvergeError(`relay: ${what}`, {
    code: 'OPTION_INVALID',
    category: 'configuration',
    certainty: 'not_applied',
  });
}
