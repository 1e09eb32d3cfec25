/** One run of a saga. On the wire: `name/version/instance`. */
export interface Story {
  readonly saga: string;
  readonly version: number;
  /** The id of the event that started it. */
  readonly instance: string;
}

/** One step of one run. */
export interface StepKey extends Story {
  readonly step: string;
}

/** What is done for a step. */
export type JournalOp = 'apply' | 'compensate' | 'cancel' | 'deadline' | 'resolve';
