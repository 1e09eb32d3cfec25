/** A window whose events are on their way. */
export interface OpenWindow {
  readonly number: bigint;
  /** Events queued and not acknowledged. */
  pending: number;
  /** All of its rows were queued. */
  read: boolean;
}
