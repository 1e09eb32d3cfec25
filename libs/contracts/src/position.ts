import { ContractError } from './contract-error.ts';

/**
 * Where an event stands in its source, equal for that event forever within its epoch. Ordered by epoch, tick, id.
 * `epoch` is the source's timeline, `tick` the number of the snapshot boundary, `id` the order inside it.
 */
export interface Position {
  readonly epoch: number;
  readonly tick: bigint;
  readonly id: bigint;
}

/** A position as it came over the wire: the tick's nonce tells two ticks of one number apart, and is no part of the order. */
export interface WirePosition extends Position {
  readonly nonce?: string;
}

/** Before every event: the predecessor that the first event of a partition names. */
export const START: Position = Object.freeze({ epoch: 1, tick: 0n, id: 0n });

const FORM = /^(0|[1-9]\d{0,9})\.(0|[1-9]\d{0,18})\.(0|[1-9]\d{0,18})(?:\.([0-9a-f]{16}))?$/;
const NONCE = /^[0-9a-f]{16}$/;
const MAX_BIGINT = 2n ** 63n - 1n;
const MAX_INT = 2 ** 31 - 1;

/** Reads `epoch.tick.id` with or without `.nonce` (16 hex digits). */
export function parsePosition(text: string): WirePosition {
  return shortPosition(text) ?? anyPosition(text);
}

const [DOT, ZERO, NINE] = [46, 48, 57];
/** Digits that a number holds exactly. */
const SHORT = 15;

/** What nearly all positions are, without a pattern: every event has two. Undefined: look closer. */
function shortPosition(text: string): WirePosition | undefined {
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

function anyPosition(text: string): WirePosition {
  const match = FORM.exec(text);
  if (match === null) throw invalid(text);
  const [, first, second = '', third = '', nonce] = match;
  const [epoch, tick, id] = [Number(first), BigInt(second), BigInt(third)];
  // The database keeps epoch as int and the others as bigint: a larger one cannot be a position of ours.
  if (epoch > MAX_INT || tick > MAX_BIGINT || id > MAX_BIGINT) throw invalid(text);
  return nonce === undefined ? { epoch, tick, id } : { epoch, tick, id, nonce };
}

export function formatPosition(position: Position, nonce?: string): string {
  const text = `${position.epoch}.${position.tick}.${position.id}`;
  return nonce === undefined ? text : `${text}.${nonce}`;
}

/** Negative, zero or positive, as `Array.prototype.sort` wants it. */
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
