import type { Lane } from './lane.ts';

/** The reason of a halt, as in the log, in `status()` and in converge.relay_topic.held_reason. */
export interface Halt {
  readonly code: string;
  readonly detail: string;
}

/**
 * The knowledge about events of a halted topic in windows from `heldAt` on. `unknown`: an earlier leader halted the
 * topic.
 */
export type Missed = 'none' | 'some' | 'unknown';

/**
 * The flow of a topic, or of one partition of a flowing topic, which may be halted by itself.
 * *Halted* means stopped by an error. *Held* means everything that does not flow: its events are behind those of the
 * main lane.
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
      /** The hold of a topic moves on while this is `none`. */
      readonly missed: Missed;
      /** Monotonic time of the next recheck. */
      readonly recheckAt: number;
      /** True when the hold is written in the database: done_tick may pass heldAt. */
      readonly written: boolean;
    }
  /** `halt`: why it was halted before. */
  | { readonly kind: 'catching_up' | 'joining'; readonly lane: Lane; readonly halt: Halt };

export type Halted = Extract<FlowState, { kind: 'halted' }>;

/** A topic or one of its partitions that does not flow, as the status shows it. */
export interface HeldTopic {
  readonly topic: string;
  /** The partition that is held by itself: the others flow. */
  readonly partition?: number;
  readonly state: Exclude<FlowState['kind'], 'flowing'>;
  /** The code of the halt. */
  readonly code?: string;
  readonly detail?: string;
  /** The first window that may miss events of the topic or partition. */
  readonly heldAt: bigint;
}

const FLOWING: FlowState = Object.freeze({ kind: 'flowing' });

/** The transitions of one topic or partition. A state is the same object for as long as it lasts. */
export class Flow {
  #state: FlowState;
  #rechecks = 0;

  constructor(state: FlowState = FLOWING) {
    this.#state = state;
  }

  get state(): FlowState {
    return this.#state;
  }

  /** The number of rechecks since the last flow: the pause between rechecks grows. */
  get rechecks(): number {
    return this.#rechecks;
  }

  halt(halted: Halted): void {
    this.#state = halted;
  }

  /** Sets the time of the next recheck to `at`, in monotonic milliseconds. A flow that is not halted has no recheck. */
  recheck(at: number): void {
    if (this.#update({ recheckAt: at })) this.#rechecks += 1;
  }

  /** The hold is saved, unless it was halted anew meanwhile. */
  written(halted: Halted): void {
    if (this.#state === halted) this.#update({ written: true });
  }

  /** A window from `heldAt` on was read that holds an event of the halted topic. */
  miss(): void {
    this.#update({ missed: 'some' });
  }

  /** Records whether windows before this leadership hold such events; later windows are known already. */
  missedBefore(some: boolean): void {
    if (this.#state.kind === 'halted' && this.#state.missed === 'unknown')
      this.#update({ missed: some ? 'some' : 'none' });
  }

  /** Moves the hold to window `heldAt`, before which nothing is missing. */
  moveHold(halted: Halted, heldAt: bigint): void {
    if (this.#state === halted) this.#state = { ...halted, heldAt };
  }

  /** Starts to catch up on a lane; false when the flow was halted anew meanwhile. */
  catchUp(halted: Halted, lane: Lane): boolean {
    if (this.#state !== halted) return false;
    this.#state = { kind: 'catching_up', lane, halt: halted.halt };
    return true;
  }

  /** Joins the main lane, which the lane has reached. A topic that was halted meanwhile stays halted. */
  join(lane: Lane): void {
    if (this.#state.kind === 'catching_up' && this.#state.lane === lane)
      this.#state = { ...this.#state, kind: 'joining' };
  }

  flow(): void {
    this.#state = FLOWING;
    this.#rechecks = 0;
  }

  /** Resets a partition to its topic's flow; its next halt is rechecked as late as this one. */
  follow(): void {
    this.#state = FLOWING;
  }

  /** Updates the same object, so that a caller can compare halts by identity. */
  #update(fields: Partial<Pick<Halted, 'missed' | 'recheckAt' | 'written'>>): boolean {
    if (this.#state.kind !== 'halted') return false;
    Object.assign(this.#state, fields);
    return true;
  }
}
