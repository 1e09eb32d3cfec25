/** The reason why a partition receives no records. */
export interface FetchStall {
  /**
   * The reason of the stall. `no_leader`: no broker serves the partition · `open_transaction`: the next record is in or
   * behind a transaction that its producer has not ended · `throttled`: a quota of the broker keeps answers empty ·
   * `not_fetched`: there are records, and no fetch returns them.
   */
  readonly reason: 'no_leader' | 'open_transaction' | 'throttled' | 'not_fetched';
  readonly forMs: number;
  /** Number of offsets between the position and the end of the log; undefined if no broker answers. */
  readonly behind: bigint | undefined;
}

/** The reason why partitions are given up. `lost`: the group continued without this member. */
export type RevokeReason = 'rebalance' | 'stop' | 'lost';
