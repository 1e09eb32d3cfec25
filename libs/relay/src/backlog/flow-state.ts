import type { Lane } from './lane.ts';

/** Why a topic or a partition is halted: as in the log, in `status()` and in converge.relay_topic.held_reason. */
export interface Halt {
  readonly code: string;
  readonly detail: string;
}

/** Whether windows from `heldAt` on hold events of a halted topic. `unknown`: a leader before this one halted it. */
export type Missed = 'none' | 'some' | 'unknown';

/**
 * How a topic flows; the same for one partition of a topic that flows, which may be halted by itself.
 * *Halted* is what an error stopped. *Held* is everything that does not flow: its events are behind those of the main lane.
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
      /** With `none`, the hold of a topic moves on. */
      readonly missed: Missed;
      /** Monotonic time of the next recheck. */
      readonly recheckAt: number;
      /** It stands in the database: done_tick may pass heldAt. */
      readonly written: boolean;
    }
  | { readonly kind: 'catching_up' | 'joining'; readonly lane: Lane };

export type Halted = Extract<FlowState, { kind: 'halted' }>;

/** A topic or one of its partitions that does not flow, as the status shows it. */
export interface HeldTopic {
  readonly topic: string;
  /** The partition that is held by itself: the others flow. */
  readonly partition?: number;
  readonly state: Exclude<FlowState['kind'], 'flowing'>;
  /** Of what is halted. */
  readonly code?: string;
  readonly detail?: string;
  /** The first window that may miss its events. */
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

  /** Rechecks since it last flowed: the pause between them grows. */
  get rechecks(): number {
    return this.#rechecks;
  }

  halt(halted: Halted): void {
    this.#state = halted;
  }

  /** The next recheck is at `at`, monotonic milliseconds. What is not halted has none. */
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

  /** Whether windows before this leadership hold such events; what was read since is known already. */
  missedBefore(some: boolean): void {
    if (this.#state.kind === 'halted' && this.#state.missed === 'unknown')
      this.#update({ missed: some ? 'some' : 'none' });
  }

  /** Nothing is missing before window `heldAt`. */
  moveHold(halted: Halted, heldAt: bigint): void {
    if (this.#state === halted) this.#state = { ...halted, heldAt };
  }

  /** False: it was halted anew meanwhile. */
  catchUp(halted: Halted, lane: Lane): boolean {
    if (this.#state !== halted) return false;
    this.#state = { kind: 'catching_up', lane };
    return true;
  }

  /** Its lane has reached the main lane. A topic that was halted meanwhile stays halted. */
  join(lane: Lane): void {
    if (this.#state.kind === 'catching_up' && this.#state.lane === lane)
      this.#state = { kind: 'joining', lane };
  }

  flow(): void {
    this.#state = FLOWING;
    this.#rechecks = 0;
  }

  /** A partition goes as its topic goes; its next halt is rechecked as late as this one. */
  follow(): void {
    this.#state = FLOWING;
  }

  /** The object stays the same, so that a caller can see whether the halt is still the one that it looked at. */
  #update(fields: Partial<Pick<Halted, 'missed' | 'recheckAt' | 'written'>>): boolean {
    if (this.#state.kind !== 'halted') return false;
    Object.assign(this.#state, fields);
    return true;
  }
}
