/**
 * The input of the saga checker: plain rows of the services' databases, and each saga's shape. The checker uses only
 * promised properties of the kit.
 */
import type { Effect } from '../effects.ts';

/** A saga, written down a second time: the judge does not believe the declaration. */
export interface Shape {
  readonly name: string;
  /** The type of the event that starts the saga. */
  readonly start: string;
  /** The steps, in the order of execution. */
  readonly steps: readonly {
    readonly name: string;
    readonly kind: 'compensatable' | 'pivot' | 'retriable';
  }[];
}

/** An event that some service wrote. */
export interface EventRow {
  readonly eventId: string;
  readonly type: string;
  readonly source: string;
}

/** The state of a step in its service's database. */
export interface FenceRow {
  readonly source: string;
  readonly saga: string;
  readonly instance: string;
  readonly step: string;
  readonly state: string;
  readonly reasonCode: string | null;
  /** The reason why the step's undo or outcome waits for an operator; null if it does not. */
  readonly stuck: string | null;
}

/** A decision about a step. */
export interface JournalRow {
  readonly source: string;
  readonly saga: string;
  readonly instance: string;
  readonly step: string;
  readonly seq: number;
  readonly op: string;
  readonly from: string;
  readonly to: string;
  readonly act: string;
  readonly causeEvent: string;
  readonly emittedEvent: string | null;
  /** The time of the decision in epoch milliseconds; all databases share one server and clock. */
  readonly atMs: number;
}

export interface SagaDump {
  readonly events: readonly EventRow[];
  readonly fences: readonly FenceRow[];
  readonly journal: readonly JournalRow[];
  readonly effects: readonly Effect[];
}
