/** One run of a saga. On the wire: `name/version/instance`. */
export interface SagaRef {
  readonly saga: string;
  readonly version: number;
  /** The id of the event that started it. */
  readonly instance: string;
}

/** One step of one run. */
export interface StepKey extends SagaRef {
  readonly step: string;
}

/** What is done for a step. */
export type JournalOp = 'apply' | 'compensate' | 'cancel' | 'deadline' | 'resolve';
