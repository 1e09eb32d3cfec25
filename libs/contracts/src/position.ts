import { ContractError } from './contract-error.ts';

/**
 * The position of an event in its source, constant within its epoch. Ordered by epoch, tick, id.
 * `epoch` is the timeline of the source, `tick` the number of the snapshot boundary, `id` the order inside the tick.
 */
export interface Position {
  readonly epoch: number;
  readonly tick: bigint;
  readonly id: bigint;
}

/** A received position. The nonce distinguishes two ticks with one number; it does not take part in the order. */
export interface WirePosition extends Position {
  readonly nonce?: string;
}

/** The position before every event. The first event of a partition names it as predecessor. */
export const START: Position = Object.freeze({ epoch: 1, tick: 0n, id: 0n });

const FORM = /^(0|[1-9]\d{0,9})\.(0|[1-9]\d{0,18})\.(0|[1-9]\d{0,18})(?:\.([0-9a-f]{16}))?$/;
const NONCE = /^[0-9a-f]{16}$/;
const MAX_BIGINT = 2n ** 63n - 1n;
const MAX_INT = 2 ** 31 - 1;

/** Parses `epoch.tick.id`, with or without `.nonce` (16 hex digits). */
export function parsePosition(text: string): WirePosition {
  return parseShort(text) ?? parseAny(text);
}

const [DOT, ZERO, NINE] = [46, 48, 57];
/** Length of a decimal that a number holds exactly. */
const SHORT = 15;

/** Parses the common short form without a regular expression, for speed; undefined for any other form. */
function parseShort(text: string): WirePosition | undefined {
  const parts = [0, 0, 0];
  let at = 0;
  for (let part = 0; part < 3; part += 1) {
    const start = at;
    let value = 0;
    for (; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code < ZERO || code > NINE) break;
      value = value * 10 + code - ZERO;
    }
    const digits = at - start;
    if (digits === 0 || digits > SHORT || (digits > 1 && text.charCodeAt(start) === ZERO)) return undefined;
    parts[part] = value;
    if (part < 2 && text.charCodeAt(at++) !== DOT) return undefined;
  }
  const [epoch = 0, tick = 0, id = 0] = parts;
  if (epoch > MAX_INT) return undefined;
  const position = { epoch, tick: BigInt(tick), id: BigInt(id) };
  if (at === text.length) return position;
  const nonce = text.slice(at + 1);
  return text.charCodeAt(at) === DOT && NONCE.test(nonce) ? { ...position, nonce } : undefined;
}

function parseAny(text: string): WirePosition {
  const match = FORM.exec(text);
  if (match === null) throw invalid(text);
  const [, first, second = '', third = '', nonce] = match;
  const [epoch, tick, id] = [Number(first), BigInt(second), BigInt(third)];
  // The database stores the epoch as int, tick and id as bigint: a larger value cannot be valid.
  if (epoch > MAX_INT || tick > MAX_BIGINT || id > MAX_BIGINT) throw invalid(text);
  return nonce === undefined ? { epoch, tick, id } : { epoch, tick, id, nonce };
}

export function formatPosition(position: Position, nonce?: string): string {
  const text = `${position.epoch}.${position.tick}.${position.id}`;
  return nonce === undefined ? text : `${text}.${nonce}`;
}

/** Compares two positions, for `Array.prototype.sort`. */
export function comparePositions(a: Position, b: Position): -1 | 0 | 1 {
  return compare(a.epoch, b.epoch) || compare(a.tick, b.tick) || compare(a.id, b.id);
}

function compare<T extends number | bigint>(a: T, b: T): -1 | 0 | 1 {
  return a < b ? -1 : a > b ? 1 : 0;
}

function invalid(text: string): ContractError {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return new ContractError(
    'POSITION_INVALID',
    `${JSON.stringify(shown)} is not a position: expected epoch.tick.id, for example 1.17.123, optionally followed by a nonce of 16 hex digits`,
  );
}
