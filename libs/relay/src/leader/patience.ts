/** The times that a stop waits, in milliseconds: together less than five seconds, whatever hangs. */
export const STOP_MS = {
  /** The time for the loops, with their work in flight, in milliseconds. A produce is abandoned a moment earlier. */
  loops: 2_500,
  /** Saving the positions: what is not saved is sent once more by the next leader. */
  save: 600,
  /** The time to release the lease, which otherwise runs out by itself. */
  release: 500,
} as const;
