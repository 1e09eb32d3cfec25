export interface RetentionSettings {
  /** The minimum time an event stays in the outbox after it became visible, in milliseconds. @default 24 hours */
  readonly retainMs: number;
  /** The time the answer to a request key is kept, in milliseconds. @default 7 days */
  readonly retainRequestsMs: number;
  /** The period of checks for removable data, in milliseconds. @default 10_000 */
  readonly everyMs: number;
  /** The time a step of a removal may wait for other transactions, in milliseconds. @default 2_000 */
  readonly waitMs: number;
  /** Rows of converge.tick and converge.request that one statement deletes at most. @default 5_000 */
  readonly batchRows: number;
}

const HOUR = 3_600_000;

export const retentionDefaults: RetentionSettings = Object.freeze({
  retainMs: 24 * HOUR,
  retainRequestsMs: 7 * 24 * HOUR,
  everyMs: 10_000,
  waitMs: 2_000,
  batchRows: 5_000,
});
