import { sqlState } from '@convergekit/postgres/engine';
import { SagaError } from './errors.ts';

/** Throws SAGA_NOT_MIGRATED in place of the error of a missing table, and any other error as it is. */
export function explainMissing(error: unknown): never {
  if (!['42P01', '3F000'].includes(sqlState(error) ?? '')) throw error;
  throw new SagaError(
    'SAGA_NOT_MIGRATED',
    'the tables of sagas are missing in this database: run `converge migrate` with its DATABASE_URL, then start again',
    { cause: error },
  );
}
