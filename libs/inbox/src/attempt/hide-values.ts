import type { IncomingRecord } from '@convergekit/broker/engine';

type HideValues = (text: string) => string;

/** The bounds of the search for values; a payload beyond them hides the whole text. */
const MAX_VALUES = 10_000;
const MAX_DEPTH = 64;

/** A value of at least this many characters is replaced inside of words, too. */
const LONG = 4;

const HIDDEN = '[value]';

/**
 * Creates a function that replaces the values of an event in text that is logged: each string and number of its payload,
 * also of JSON inside a string. All text about an event that cannot be read is hidden. `current`: data that replaced the
 * event's own.
 */
export function hideValuesOf({ value }: Pick<IncomingRecord, 'value'>, current?: unknown): HideValues {
  const values = new Set<string>();
  const readable =
    (value === null || collectJson(value.toString('utf8'), values, 0)) && collect(current, values, 0);
  if (!readable) return hideAll;
  // Longer values first: a shorter one may be part of it.
  const sorted = [...values].toSorted((a, b) => b.length - a.length);
  return (text) => sorted.reduce(replaced, text);
}

/** Hides the whole text: the values that it may quote are not known. */
export function hideAll(): string {
  return '(not shown: it may quote values of the event)';
}

function replaced(text: string, value: string): string {
  if (!text.includes(value)) return text;
  if (value.length >= LONG) return text.replaceAll(value, HIDDEN);
  return text.replace(
    new RegExp(String.raw`(?<![\p{L}\p{N}_])${escaped(value)}(?![\p{L}\p{N}_])`, 'gu'),
    HIDDEN,
  );
}

// A hyphen stays: to escape it is an error in a pattern with the flag u.
function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
}

function collectJson(text: string, values: Set<string>, depth: number): boolean {
  try {
    return collect(JSON.parse(text), values, depth);
  } catch {
    return false;
  }
}

/** Adds all strings and numbers of plain data. False: there are more than can be searched for. */
function collect(data: unknown, values: Set<string>, depth: number): boolean {
  if (depth > MAX_DEPTH || values.size > MAX_VALUES) return false;
  if (typeof data === 'number' || typeof data === 'bigint') values.add(String(data));
  if (typeof data === 'string') return collectText(data, values, depth);
  if (typeof data !== 'object' || data === null) return true;
  return Object.values(data).every((one) => collect(one, values, depth + 1));
}

function collectText(text: string, values: Set<string>, depth: number): boolean {
  if (text.trim() !== '') values.add(text);
  // A failure event has the payload of the failed event as text.
  if (/^\s*[[{"]/.test(text)) collectJson(text, values, depth + 1);
  return values.size <= MAX_VALUES;
}
