import { HeldChanged, OwnStatementFailed, type OwnStep, TypeAhead } from './slice-errors.ts';

/** Names the statement that failed; what is not the database's word passes as it is. */
export async function own<T>(step: OwnStep, statement: () => Promise<T>): Promise<T> {
  try {
    return await statement();
  } catch (error) {
    if (error instanceof HeldChanged || error instanceof TypeAhead) throw error;
    throw new OwnStatementFailed(step, error);
  }
}
