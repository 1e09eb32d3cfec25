import { checkPayload, type StandardSchema, validate } from '@convergekit/contracts/engine';
import { ContractError } from '@convergekit/contracts';
import { type Certainty, ConvergeError } from '@convergekit/core';
import { messageOf } from '@convergekit/core/engine';

/**
 * Encodes a value for storage: the schema's own output. It must read back unchanged, so that a later process reads the
 * same value. `certainty` gives the meaning of a misfit: a refused input changed nothing, an unreadable result belongs
 * to a call that took effect.
 */
export function encode<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
  what: string,
  certainty: Certainty = 'not_applied',
): string {
  try {
    const text = JSON.stringify(validate(schema, value, what)) as string | undefined;
    if (text === undefined) throw new ContractError('DATA_NOT_JSON', `${what} has no JSON form: use null`);
    checkPayload(text);
    if (JSON.stringify(decode(schema, text, what)) === text) return text;
    throw new ContractError(
      'DATA_CHANGES_WHEN_READ',
      `${what} does not read back as it was written: its schema changes its own output; transform the value before instead`,
    );
  } catch (error) {
    if (certainty === 'not_applied') throw error;
    const message = messageOf(error);
    throw new ConvergeError(message, {
      code: 'RESULT_UNREADABLE',
      category: 'data',
      certainty,
      cause: error,
    });
  }
}

export function decode<Output>(schema: StandardSchema<unknown, Output>, text: string, what: string): Output {
  return validate(schema, JSON.parse(text), what);
}
