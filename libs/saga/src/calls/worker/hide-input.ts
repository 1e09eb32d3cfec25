import { hideValuesOf } from '@convergekit/inbox/engine';
import type { ClaimedWork } from '../work/work.ts';

/**
 * Creates a function that replaces the values of an intent in text that is logged: the other system's error may quote
 * them. Of a saga's step these are the values of its events; its names and ids stay readable.
 */
export function hideInput({ input }: Pick<ClaimedWork, 'input'>): (text: string) => string {
  const payloads = payloadsIn(parsed(input));
  return hideValuesOf({ value: Buffer.from(payloads.length === 0 ? input : JSON.stringify(payloads)) });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The payloads of stored events, and stored results of calls, wherever they are. */
function payloadsIn(data: unknown): readonly unknown[] {
  if (typeof data !== 'object' || data === null) return [];
  return Object.entries(data).flatMap(([name, value]: [string, unknown]) =>
    name === 'payload' || name === 'callResult' ? [value] : payloadsIn(value),
  );
}
