/** The verdict of a check: sound, worth a look, to be fixed, or not examined. */
export type Verdict = 'ok' | 'warn' | 'fail' | 'skip';

/** The finding of a check, and the next step. */
export interface Finding {
  /** The name of the database, where several are examined. */
  readonly database?: string;
  readonly check: string;
  readonly verdict: Verdict;
  readonly text: string;
  readonly next?: string;
}
