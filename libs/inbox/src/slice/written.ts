import type { ReceivedEvent } from '@convergekit/contracts';
import type { Send } from '@convergekit/postgres';
import type { CompiledQuery } from 'kysely';

/** The first statement that failed: the ones after it only met its aborted transaction. */
export interface FailedWrite {
  readonly handler: string;
  readonly events: readonly ReceivedEvent[];
  readonly error: unknown;
}

/** So many answers may be due at once: enough to keep the server busy, few enough for other partitions to get a turn. */
const MOST = 100;

/** What the handlers of one slice write without waiting for the answers, each statement with whose it is. */
export class Written {
  readonly #send: Send;
  readonly #due: Promise<void>[] = [];
  #failed: FailedWrite | undefined;

  constructor(send: Send) {
    this.#send = send;
  }

  get failed(): FailedWrite | undefined {
    return this.#failed;
  }

  add(handler: string, events: readonly ReceivedEvent[], query: CompiledQuery): void {
    this.#due.push(
      this.#send(query).then(
        () => undefined,
        (error: unknown) => void (this.#failed ??= { handler, events, error }),
      ),
    );
  }

  /** True when it is time to let the server catch up. */
  get full(): boolean {
    return this.#due.length >= MOST;
  }

  /** Resolves when every answer is there; never rejects: look at `failed`. */
  async answered(): Promise<void> {
    await Promise.all(this.#due.splice(0));
  }
}
