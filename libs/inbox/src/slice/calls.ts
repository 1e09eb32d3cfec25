import type { ReceivedEvent } from '@convergekit/contracts';
import type { Certainty, ConvergeError } from '@convergekit/core';
import { callbackError, inCallOfCode, lateStray, strayError } from '@convergekit/core/engine';
import type { CallStatements } from '@convergekit/postgres/engine';
import type { Logger } from '@convergekit/telemetry';
import { InboxError } from '../errors.ts';
import { HandlerFailed } from './slice-errors.ts';

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
