/** The times that a stop waits, in milliseconds: together less than five seconds, whatever hangs. */
export const STOP_MS = {
  /** The loops, with what they have in flight. A produce is given up a moment earlier. */
  loops: 2_500,
  /** Saving the positions: what is not saved is sent once more by the next leader. */
  save: 600,
  /** Releasing the lease: else it runs out by itself. */
  release: 500,
} as const;
