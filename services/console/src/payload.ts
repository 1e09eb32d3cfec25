import { EVERYTHING, isPermitted } from '@convergekit/operate/host';
import type { PayloadPrivacy, Visitor } from './types.ts';

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

/** What stands for a part of an error's text that may be a value. */
const PART = '‹…›';
/** Values that errors quote: in quotes, or as Postgres names the columns of a key. */
const QUOTED = /"[^"]*"|`[^`]*`|(?<!\w)'[^']*'(?!\w)|‘[^’]*’|=\([^)]*\)/g;
const MOST_OF_ERROR = 2_000;

/**
 * Returns what may be shown of an error's text, which may quote the data of an event: all of it to an operator where payloads are
 * shown in full and the operator's role holds everywhere, else without what is quoted and without words that have a digit or an @. Pure.
 */
export function shownError(text: string, privacy: PayloadPrivacy, visitor: Visitor): string {
  if (
    privacy === 'full' &&
    visitor.kind === 'operator' &&
    isPermitted(visitor.grants, 'operator', EVERYTHING)
  )
    return text;
  if (privacy === 'none') return '‹hidden›';
  return text
    .slice(0, MOST_OF_ERROR)
    .replaceAll(QUOTED, PART)
    .split(/(\s+)/)
    .map((word) => (/[\d@]/.test(word) ? PART : word))
    .join('');
}

/** The fields that have the text of an error. */
const ERROR_FIELDS = ['reason', 'message', 'shape'];
/** Those of an act of an operator have the operator's own words. */
const OF_ACTS = ['by', 'actor'];

/** Returns plain data with the texts of errors in it as they may be shown. Pure. */
export function hideErrors<T>(data: T, privacy: PayloadPrivacy, visitor: Visitor): T {
  const isPlain = (value: object): boolean => Object.getPrototypeOf(value) === Object.prototype;
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null || !isPlain(value)) return value;
    const isAct = OF_ACTS.some((name) => name in value);
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [
        name,
        !isAct && typeof one === 'string' && ERROR_FIELDS.includes(name)
          ? shownError(one, privacy, visitor)
          : walk(one),
      ]),
    );
  };
  return walk(data) as T;
}
