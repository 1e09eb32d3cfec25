import { failpoint } from '@convergekit/core/engine';
import type { ReceivedEvent } from '@convergekit/contracts';
import { DatabaseError } from '@convergekit/postgres';
import type { DeadLetter } from '../attempt/dead-letter.ts';
import { InboxError } from '../errors.ts';

/** The error of a slice whose fence row another owner moved. It is never an event's fault; nothing was applied. */
export class FenceLost extends Error {
  readonly kind = 'fence_lost';
}

/** The partition was reassigned while its slice was in work; the slice is rolled back. */
export class PartitionLost extends Error {
  readonly kind = 'partition_lost';
}

/** The slice's own connection broke, so no handler is at fault. */
export class ConnectionLost extends Error {
  readonly kind = 'connection_lost';
}

/** The slice took longer than its transaction may; its events are processed one by one. */
export class SliceTooLong extends Error {
  readonly kind = 'slice_too_long';
}

/** The error when another version of this consumer handles unknown types; nothing was passed. */
export class TypeAhead extends Error {
  readonly kind = 'type_ahead';
  readonly types: readonly string[];
  constructor(types: readonly string[]) {
    super(`another version handles ${types.join(', ')}`);
    this.types = types;
  }
}

export type OwnStep =
  'limits' | 'fence' | 'foreign' | 'fill' | 'types' | 'attempts' | 'gap' | 'park' | 'drain' | 'give_up';

/** The error when keys were released or parked since the read: the slice is repeated. */
export class HeldChanged extends Error {
  readonly kind = 'held_changed';
  readonly released: readonly string[];
  readonly parked: readonly string[];

  constructor(change: { readonly released?: readonly string[]; readonly parked?: readonly string[] }) {
    super('the parked keys changed during the slice');
    this.released = change.released ?? [];
    this.parked = change.parked ?? [];
  }
}

/** An event must be parked and may not be: the partition pauses instead. */
export class ParkingRefused extends Error {
  readonly kind = 'parking_refused';
  readonly why: 'parked_cap' | 'systemic_fault';
  /** The handler whose keys fail; undefined: the whole consumer. */
  readonly handler: string | undefined;

  constructor(why: 'parked_cap' | 'systemic_fault', handler?: string) {
    super(`parking is refused (${why})`);
    this.why = why;
    this.handler = handler;
  }
}

/** An event must be given up for a fault and may not be: the consumer pauses instead. */
export class GiveUpRefused extends Error {
  readonly kind = 'give_up_refused';
  readonly deadLetter: DeadLetter;
  readonly perHour: number;

  constructor(deadLetter: DeadLetter, perHour: number) {
    super('no more events may be given up in this hour');
    this.deadLetter = deadLetter;
    this.perHour = perHour;
  }
}

/** The error of a statement of the inbox: a fault of the database or kit, never of an event. */
export class OwnStatementFailed extends Error {
  readonly kind = 'own_statement_failed';
  readonly step: OwnStep;
  constructor(step: OwnStep, cause: unknown) {
    super(`the inbox's own statement failed (${step})`, { cause });
    this.step = step;
  }
}

/** The name by which the append of emitted events counts as a handler. */
export const EMIT = 'emit';

/** The error of a handler that threw. */
export class HandlerFailed extends Error {
  readonly kind = 'handler_failed';
  readonly handler: string;
  readonly events: readonly ReceivedEvent[];
  /** True if the attempt called another system by an `operation`: a rollback does not undo that. */
  readonly called: boolean;
  constructor(handler: string, events: readonly ReceivedEvent[], cause: unknown, called = false) {
    super(`handler ${handler} failed`, { cause });
    this.handler = handler;
    this.events = events;
    this.called = called;
  }
}

/** Returns the error that stops a consumer whose slice was committed by a handler; undefined for every other error. */
export function committedEarly(error: unknown): InboxError | undefined {
  for (let at = error; at instanceof Error; at = at.cause)
    if (at instanceof DatabaseError && at.code === 'TRANSACTION_ENDED_EARLY' && at.certainty === 'unknown') {
      const by = error instanceof HandlerFailed ? `handler ${error.handler}` : 'a handler';
      return new InboxError(
        'CONSUMER_STOPPED',
        `the consumer stopped: ${by} committed the transaction of its slice past the checks of the kit, so positions are saved past events that were not handled. Take the statement out, then handle them with \`converge consumers replay\``,
        { category: 'bug', certainty: 'unknown', cause: error },
      );
    }
  return undefined;
}

/** Runs a statement of the inbox, and names it when it fails. Errors that are not the database's pass unchanged. */
export async function ownStatement<T>(step: OwnStep, statement: () => Promise<T>): Promise<T> {
  try {
    const result = await statement();
    failpoint(`inbox.after_${step}`);
    return result;
  } catch (error) {
    if (error instanceof HeldChanged || error instanceof TypeAhead) throw error;
    throw new OwnStatementFailed(step, error);
  }
}
