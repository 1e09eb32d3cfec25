import type { KyselyPlugin, Transaction, CompiledQuery } from 'kysely';
import { InboxError } from '../errors.ts';
import type { ReceivedEvent } from '@convergekit/contracts';
import type { Send } from '@convergekit/postgres/engine';

export interface Guarded<DB> {
  readonly tx: Transaction<DB>;
  close(): void;
}

/**
 * The slice's transaction for one call of a handler. Closed when the call has ended: a handler that was left behind
 * would otherwise send statements to a connection that is no longer in this transaction.
 */
export function guarded<DB>(tx: Transaction<DB>, handler: string): Guarded<DB> {
  let open = true;
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => {
      if (open) return node;
      throw ended(handler);
    },
    transformResult: ({ result }) => Promise.resolve(result),
  };
  return { tx: tx.withPlugin(plugin), close: () => (open = false) };
}

export function ended(handler: string): InboxError {
  return new InboxError(
    'HANDLER_ENDED',
    `handler ${handler} used its transaction after it had ended: await every statement before the handler returns`,
    { category: 'bug' },
  );
}

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
