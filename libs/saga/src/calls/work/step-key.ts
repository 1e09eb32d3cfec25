/** The reference of one run of a saga. Its wire form is `name/version/instance`. */
export interface SagaRef {
  readonly saga: string;
  readonly version: number;
  /** The id of the event that started the saga. */
  readonly instance: string;
}

/** The key of one step of one run. */
export interface StepKey extends SagaRef {
  readonly step: string;
}

/** The operations of a step. */
export type JournalOp = 'apply' | 'compensate' | 'cancel' | 'deadline' | 'resolve';

/** `expire`: a step's own deadline; the others as in the journal. */
export type WorkOp = JournalOp | 'expire';
