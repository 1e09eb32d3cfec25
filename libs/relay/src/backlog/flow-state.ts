import type { Lane } from './lane.ts';

/** Why a topic or a partition waits, in words that stand in the log, in `status()` and in converge.relay_topic.held_reason. */
export interface Halt {
  readonly code: string;
  readonly detail: string;
}

/**
 * How a topic flows; the same for one partition of a topic that flows, which may be set apart by itself.
 *
 * flowing      read by the main lane, counted by done_tick
 *    ↓ halt
 * halted       nothing is read; `heldAt` is the first window that may miss events
 *    ↓ resolved
 * catching_up  read by a lane of its own from heldAt on
 *    ↓ that lane reached the main lane, at a tick boundary
 * joining      read by the main lane again, while its own lane's events are still on their way
 *    ↓ all of them are in the log and the cursors saved
 * flowing
 */
export type FlowState =
  | { readonly kind: 'flowing' }
  | {
      readonly kind: 'halted';
      readonly heldAt: bigint;
      readonly halt: Halt;
      readonly sinceMs: number;
      /** Monotonic time of the next look. */
      recheckAt: number;
      /** It stands in the database: done_tick may pass heldAt. */
      written: boolean;
    }
  | { readonly kind: 'catching_up' | 'joining'; readonly lane: Lane };

/** A topic, or one partition of it, that does not flow, as the status shows it. */
export interface HeldTopic {
  readonly topic: string;
  /** Set apart by itself: the other partitions flow. */
  readonly partition?: number;
  readonly state: Exclude<FlowState['kind'], 'flowing'>;
  /** Of what is halted. */
  readonly code?: string;
  readonly detail?: string;
  /** The first window that may miss its events. */
  readonly heldAt: bigint;
}

export const FLOWING: FlowState = { kind: 'flowing' };

/** The lane that reads what is in this state; `main` reads what flows. */
export function laneOf(state: FlowState, main: Lane): Lane | undefined {
  switch (state.kind) {
    case 'flowing':
    case 'joining':
      return main;
    case 'catching_up':
      return state.lane;
    case 'halted':
      return undefined;
  }
}

/** The first window of which an event may be missing in the log: where reading must begin again after a halt. */
export function heldAtOf(state: FlowState, main: Lane): bigint {
  switch (state.kind) {
    case 'flowing':
      return main.done + 1n;
    case 'halted':
      return state.heldAt;
    case 'catching_up':
    case 'joining':
      return state.lane.done + 1n;
  }
}

/** Its own lane's events are all in the log, and the main lane reads it. */
export function isDrained(state: FlowState): boolean {
  return state.kind === 'joining' && state.lane.done === state.lane.previous.number;
}

export function isOnLane(state: FlowState, lane: Lane): boolean {
  return state.kind === 'catching_up' && state.lane === lane;
}
