import type { Random } from '@convergekit/core';
import { type Backoff, cappedMs, delayMs } from '@convergekit/core/engine';
import type { Pending } from './pending.ts';

/** A position that a partition must reach. */
export interface Place {
  readonly partition: number;
  /** `epoch.tick.id` */
  readonly position: string;
}

/** What was emitted when a key was first looked at: the events that a snapshot of desired's database sees. */
export interface Flight {
  readonly source: string;
  readonly epoch: number;
  readonly snapshot: string;
  /** The tick that covers the snapshot. */
  readonly tick: string;
  /** Where they end; null while they are not all in the log. */
  readonly upTo: readonly Place[] | null;
}

/** What a key waits for, stored between two looks. */
export interface Wait {
  readonly kind: Pending['kind'];
  /** The number of looks at which it was so. */
  readonly looks: number;
  /** Kept until the key is decided: events that are emitted later do not prolong the wait. */
  readonly flight: Flight | null;
}

/** Returns the wait after another look. Pure. */
export function waitAgain(before: Wait | null, kind: Pending['kind'], flight: Flight | null): Wait {
  return { kind, looks: before?.kind === kind ? before.looks + 1 : 1, flight };
}

/** No look is nearer than this, so that a quiet period of 0 is no busy loop, in milliseconds. */
const LEAST_MS = 100;
/** Operators end these waits, or long retries. */
const LONG_MS = 5_000;

/** Computes the time until the next look: from half to all of a doubling delay. Pure. */
export function nextLookMs({ kind, looks }: Wait, quietMs: number, random: Random): number {
  const backoff = backoffOf(kind, quietMs);
  const half = { ...backoff, baseMs: backoff.baseMs / 2, capMs: backoff.capMs / 2 };
  return Math.ceil(cappedMs(half, looks) + delayMs(half, looks, random));
}

function backoffOf(kind: Pending['kind'], quietMs: number): Backoff {
  switch (kind) {
    case 'settling':
    case 'in_flight':
      return { baseMs: Math.max(quietMs, LEAST_MS), factor: 2, capMs: Math.max(quietMs, 30_000) };
    case 'halted':
      return { baseMs: Math.max(quietMs, LONG_MS), factor: 2, capMs: Math.max(quietMs, 60_000) };
    case 'parked':
    case 'saga_open':
      return { baseMs: Math.max(quietMs, LONG_MS), factor: 2, capMs: Math.max(quietMs, 300_000) };
  }
}

/** Encodes a wait for its column. */
export function waitText(wait: Wait | null): string | null {
  return wait === null ? null : JSON.stringify(wait);
}

/** Parses the column; null where it holds something else, as another version of the kit may write: the wait begins anew. */
export function parseWait(text: string | null): Wait | null {
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isWait(value) ? value : null;
  } catch {
    return null;
  }
}

function isWait(value: unknown): value is Wait {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, looks, flight } = value as Partial<Record<keyof Wait, unknown>>;
  return typeof kind === 'string' && typeof looks === 'number' && (flight === null || isFlight(flight));
}

function isFlight(value: unknown): value is Flight {
  if (typeof value !== 'object' || value === null) return false;
  const { source, epoch, snapshot, tick, upTo } = value as Partial<Record<keyof Flight, unknown>>;
  return (
    [source, snapshot, tick].every((part) => typeof part === 'string') &&
    typeof epoch === 'number' &&
    (upTo === null || (Array.isArray(upTo) && upTo.every(isPlace)))
  );
}

function isPlace(value: unknown): value is Place {
  if (typeof value !== 'object' || value === null) return false;
  const { partition, position } = value as Partial<Record<keyof Place, unknown>>;
  return typeof partition === 'number' && typeof position === 'string';
}
