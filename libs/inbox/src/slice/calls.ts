import type { ReceivedEvent } from '@convergekit/contracts';
import type { Certainty, ConvergeError } from '@convergekit/core';
import { callbackError, inCallOfCode, lateStray, strayError } from '@convergekit/core/engine';
import { type CallStatements, checkedClient, clientOf, type Send } from '@convergekit/postgres/engine';
import type { Logger } from '@convergekit/telemetry';
import { InboxError } from '../errors.ts';
import { HandlerFailed } from './fault.ts';
import type { CompiledQuery, Transaction } from 'kysely';
import type { TransactionClient } from '@convergekit/postgres';

/** A handler with its events, as errors name them. */
export interface CallName {
  readonly consumer: string;
  readonly handler: string;
  readonly events: readonly ReceivedEvent[];
}

interface Called {
  readonly called: () => boolean;
  readonly statements: CallStatements;
}

/** Names a call in a sentence. */
export function whatIs({ consumer, handler, events: [event, ...more] }: CallName): string {
  const others = more.length === 0 ? '' : ` and ${more.length} more`;
  return `handler ${handler} of consumer ${consumer} (event ${event?.type ?? ''} ${event?.id ?? ''}${others})`;
}

/**
 * The calls of one transaction, which get the errors of promises that their code did not await, and those that its
 * callbacks throw: one that comes before the commit fails its event. Later rejections are logged.
 */
export class Calls {
  readonly #log: Logger;
  #failed: HandlerFailed | undefined;
  #ended = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /**
   * Runs a call. `called` says whether it has called another system by then. An error that a callback of it throws rejects
   * at once: what the code awaits may never come.
   */
  run<T>(name: CallName, { called, statements }: Called, call: () => Promise<T>): Promise<T> {
    const what = (): string => whatIs(name);
    const stray = (error: unknown): void => {
      if (statements.isAftermath(error)) return;
      if (this.#ended) {
        const { consumer, handler, events } = name;
        const ids = events.map(({ id }) => id);
        this.#log.error({ err: error, consumer, handler, events: ids }, lateStray(what()));
        return;
      }
      fail(strayError(what(), error, certainty()));
    };
    const certainty = (): Certainty => (called() ? 'unknown' : 'not_applied');
    const fail = (error: ConvergeError): HandlerFailed =>
      (this.#failed ??= new HandlerFailed(name.handler, error, called()));
    return new Promise((resolve, reject) => {
      const thrown = (error: unknown): boolean => {
        if (statements.isAftermath(error)) return true;
        if (!this.#ended) {
          reject(fail(callbackError(what(), error, certainty())));
          return true;
        }
        // Thrown by the kit in a callback that uses the context of its call too late.
        if (!(error instanceof InboxError && error.code === 'HANDLER_ENDED')) return false;
        stray(error);
        return true;
      };
      inCallOfCode({ what, stray, thrown }, call).then(resolve, reject);
    });
  }

  /** The failure of the first call with such an error. */
  get failed(): HandlerFailed | undefined {
    return this.#failed;
  }

  /** Ends collecting, directly before the commit. Throws the failure of a call that left an error behind. */
  end(): void {
    this.#ended = true;
    if (this.#failed !== undefined) throw this.#failed;
  }
}

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
