import { OutboxError } from '../errors.ts';

/** Creates the error of a client that is not in a transaction: its events would commit without the caller's rows. */
export function noTransaction(given: string, wanted: string): OutboxError {
  return new OutboxError(
    `events were to be appended through ${given}, which is not an open transaction: they would be committed without the rows that they report. Pass ${wanted}.`,
    { code: 'NO_TRANSACTION', category: 'bug' },
  );
}
