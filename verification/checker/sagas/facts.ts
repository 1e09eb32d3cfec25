/**
 * The input of the saga checker: plain rows of the services' databases, and the shape of each saga as declared here
 * down. It knows nothing of how the kit works but what is promised.
 */

/** A saga, written down a second time: the judge does not believe the declaration. */
export interface Shape {
  readonly name: string;
  /** The type of the event that starts it. */
  readonly start: string;
  /** In order, one after the other. */
  readonly steps: readonly {
    readonly name: string;
    readonly by: string;
    readonly kind: 'compensatable' | 'pivot' | 'retriable';
  }[];
}

/** An event that some service wrote. */
export interface EventRow {
  readonly eventId: string;
  readonly type: string;
  readonly source: string;
  /** `name/version/instance`, or null. */
  readonly saga: string | null;
}

/** The state of a step in its service's database. */
export interface FenceRow {
  readonly source: string;
  readonly saga: string;
  readonly instance: string;
  readonly step: string;
  readonly state: string;
  readonly reasonCode: string | null;
  /** The reason why its undo or its outcome waits for an operator. */
  readonly stuck: string | null;
}

/** One decision about a step. */
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
  /** All databases are of one server: one clock. */
  readonly atMs: number;
}

/** One effect that a handler noted in its own transaction. */
export interface EffectRow {
  readonly consumer: string;
  readonly act: string;
  readonly eventId: string;
}

export interface SagaDump {
  readonly events: readonly EventRow[];
  readonly fences: readonly FenceRow[];
  readonly journal: readonly JournalRow[];
  readonly effects: readonly EffectRow[];
}

export const anomalyKinds = [
  /** A saga that neither completed nor was compensated, and does not wait for an operator. */
  'open',
  /** A step that waits for an operator without a reason. */
  'stuck_silently',
  /** Some of it was done and some undone. */
  'torn',
  /** A step of a saga that was never started. */
  'unstarted',
  /** An undo before the undo, or the failure, of the step behind it. */
  'undo_order',
  /** A decision whose cause is no event that was ever written, or none of this saga. */
  'orphan',
  /** The last decision in the journal is not what the step says of itself, or one is missing. */
  'journal',
  /** One effect twice, an undo of nothing, or one that was applied and has no effect. */
  'effect',
  /** A step that reported both success and failure. */
  'two_facts',
] as const;
export type AnomalyKind = (typeof anomalyKinds)[number];

export interface Anomaly {
  readonly kind: AnomalyKind;
  readonly witness: string;
}
