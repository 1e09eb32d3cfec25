import { ConvergeError } from '@convergekit/core';
import { conflict } from '../errors.ts';

/** Turns the refusal of a package's function into that of the console, with its own words. */
export async function refusing<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof ConvergeError && (error.category === 'data' || error.category === 'contention'))
      throw conflict(error.message);
    throw error;
  }
}
