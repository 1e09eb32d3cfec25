import { nearest } from '@convergekit/config/engine';

/** Suggests the known name that is nearest to the one given, in parentheses; nothing where none is near. Pure. */
export function didYouMean(given: string, known: readonly string[]): string {
  const near = nearest(given, known);
  return near === undefined ? '' : ` (did you mean ${near}?)`;
}
