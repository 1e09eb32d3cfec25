import type { PayloadPrivacy } from './types.ts';

/** The longest payload that a page masks or shows, in characters. */
const MOST = 100_000;

/**
 * Returns what may be shown of a payload without a look that is audited; undefined = nothing. Pure.
 * Masked keeps the names and the shape of JSON: a text becomes its length, so that the shapes of two
 * payloads can be compared without being read.
 */
export function shownPayload(text: string, privacy: PayloadPrivacy): string | undefined {
  if (privacy === 'none') return undefined;
  const parsed = text.length > MOST ? undefined : parse(text);
  if (parsed === undefined) return `‹${Buffer.byteLength(text)} bytes, not JSON›`;
  return JSON.stringify(parsed.value, (_name, value: unknown) => masked(value), 2);
}

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

function masked(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return `‹text, ${value.length}›`;
    case 'number':
      return '‹number›';
    case 'boolean':
      return '‹true or false›';
    default:
      return value;
  }
}
