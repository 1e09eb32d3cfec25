import type { Transaction, CompiledQuery } from 'kysely';
import { InboxError } from '../errors.ts';
import type { TransactionClient } from '@convergekit/postgres';
import { type CallStatements, checkedClient, clientOf, type Send } from '@convergekit/postgres/engine';

export function ended(handler: string): InboxError {
  return new InboxError(
    'HANDLER_ENDED',
    `handler ${handler} used its transaction after it had ended: \`await\` is missing. Await every statement before the handler returns`,
    { category: 'bug' },
  );
}

/** Returns the client of the slice for one call of a handler, whose statements it sends. */
export async function handlerClient<DB>(
  tx: Transaction<DB>,
  handler: string,
  statements: CallStatements,
): Promise<TransactionClient> {
  if (!statements.isOpen) throw ended(handler);
  const client = await clientOf(tx);
  if (client === undefined)
    throw new InboxError(
      'CONSUMER_INVALID',
      `handler ${handler} asked for pg's client, but the consumer's database was not opened by connect(): open it so, or write through tx`,
    );
  return checkedClient(client, statements);
}

/** The first statement that failed; those after it failed in its aborted transaction. */
export interface FailedWrite {
  readonly handler: string;
  readonly error: unknown;
}

/** The most pending answers: enough to keep the server busy, few enough for other partitions to proceed. */
const MOST = 100;

/** The pipelined statements of one slice, each with its handler. */
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

  add(handler: string, query: CompiledQuery): void {
    this.#due.push(
      this.#send(query).then(
        () => undefined,
        (error: unknown) => void (this.#failed ??= { handler, error }),
      ),
    );
  }

  /** True when the pending answers must be awaited before more is sent. */
  get full(): boolean {
    return this.#due.length >= MOST;
  }

  /** Resolves when every answer has arrived. Never rejects: check `failed`. */
  async answered(): Promise<void> {
    await Promise.all(this.#due.splice(0));
  }
}
