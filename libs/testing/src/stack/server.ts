/**
 * A server process with its data. `stop`, `kill` and `start` keep the port and the data, so that a test or a demo can
 * take a server away and bring it back. Nothing of the server runs when `stop` or `kill` has resolved, and no data is
 * left when `dispose` has.
 */
export interface StackServer {
  /** A database URL, or the broker's `host:port`. Known after the first `start`. */
  readonly address: string;
  /** Known after the first `start`. */
  readonly port: number;
  readonly running: boolean;
  /**
   * Resolves when the server answers. Rejects with a DevStackError that quotes the log; then nothing of the server
   * runs.
   */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** SIGKILL: what a crash leaves behind. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  dispose(): Promise<void>;
}
