import type { DomainEvent } from '@convergekit/contracts';
import type { Random } from '@convergekit/core';
import type { OpenWork } from './trial-sql.ts';

/**
 * A fault that the trial causes.
 * busy           the handler is not called: it fails for now, and is tried again
 * busy_after     the handler was called, and its transaction is rolled back; it is tried again
 * refused        a BusinessRejection instead of the handler or the call: the declared "no"
 * broken         a bug instead of the handler, without effect: the event is given up
 * unavailable    the call certainly took no effect
 * request_lost   the outcome of the call is unknown, and it took no effect
 * reply_lost     the outcome of the call is unknown, and it took effect
 */
export type Fault =
  'busy' | 'busy_after' | 'refused' | 'broken' | 'unavailable' | 'request_lost' | 'reply_lost';

/** Something that may fail: a step or the undo of a step, in a handler or in a call. */
export interface Attempted {
  /** What is attempted: the step, or its undo. */
  readonly op: 'apply' | 'compensate';
  /** The step. Of an undo in a handler, the consumer's first step. */
  readonly step: string;
}

/** What happens to one run, in any order. */
export interface RunPlan {
  /** The fault of the next attempt. @default none */
  readonly nextFault?: (of: Attempted) => Fault | undefined;
  /** A cancellation, by the run or only by its key. @default the run is not cancelled */
  readonly cancel?: 'instance' | 'key' | undefined;
  /** Returns whether the timers of this kind come due in this run. */
  readonly fires: (timer: 'deadline' | 'expire') => boolean;
  /** The deliveries of each event to each consumer, in any order. @default one, and two of a fifth of them */
  readonly deliveries?: number;
  /** True for consumers that take effect outside of their transaction: a crash would forget it. @default none */
  readonly cannotCrash?: (consumer: string) => boolean;
  /** What the trace begins with. @default nothing */
  readonly notes?: readonly string[];
}

/** Identifies a run. */
export interface RunOf {
  /** The key of the events. */
  readonly key: string;
  /** The id of the event that starts the saga. */
  readonly instance: string;
  /** Numbers that depend on the seed of the run alone. */
  readonly random: Random;
}

/** An event that was emitted, in the order of commits. */
export interface Evidence {
  /** The id of the event. */
  readonly id: string;
  /** The type of the event. */
  readonly type: string;
  /** The failed step of a failure event, and the reported certainty. Absent for other events. */
  readonly failed?: { readonly step: string; readonly op: string; readonly certainty: string };
}

/** A run that has ended. */
export interface RunEnd extends Pick<RunOf, 'key' | 'instance'> {
  /** The end of the run: all steps took effect, or what did was undone. */
  readonly ended: 'completed' | 'compensated';
  /** The events of all services, in the order of commits. */
  readonly emitted: readonly Evidence[];
  /** What went wrong in the run, as `plan` decided it. */
  readonly plan: RunPlan;
}

/** An event of the saga: what its definition makes, without its key. */
export type Made = Pick<DomainEvent, 'type' | 'version' | 'payload'>;

/** The parts of a trial that the saga's author gives. */
export interface TrialHooks {
  /** The event that starts a run. */
  readonly start: (key: string) => DomainEvent;
  /** The event that cancels a run. @default runs are not cancelled */
  readonly cancel?: (key: string) => DomainEvent;
  /**
   * Answers for an operator, who looks into the other system: the step's success event if the step took effect. @default
   * no operator answers
   */
  readonly took?: (work: OpenWork) => Promise<Made | undefined> | Made | undefined;
  /** Called when time passes: calls that are still on their way arrive, or never will. @default nothing */
  readonly timePasses?: () => void;
}
