import { systemClock } from '@convergekit/core';

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

/** Marks every container of the kit with the folder of the instance that it belongs to. */
export const INSTANCE_LABEL = 'converge.stack.instance';

interface Starting {
  /** Returns why the server has ended; undefined while it runs. */
  readonly endedBy: () => string | undefined;
  readonly isReady: () => Promise<boolean>;
  /** Milliseconds between two looks. */
  readonly everyMs: number;
  /** The monotonic time at which a server that hangs is given up. */
  readonly end: number;
}

/** Waits until a server answers. Returns why it does not; undefined when it does. */
export async function untilReady({ endedBy, isReady, everyMs, end }: Starting): Promise<string | undefined> {
  for (;;) {
    const ended = endedBy();
    if (ended !== undefined) return `ended while it started (${ended})`;
    if (await isReady()) return undefined;
    if (systemClock.monotonic() > end) return 'did not answer in time';
    await systemClock.sleep(everyMs);
  }
}
