import type { ReceivedEvent } from '@convergekit/contracts';

/** Another owner moved the fence row. Never an event's fault; nothing was applied. */
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

/** Another version of this consumer handles types that this one does not know; nothing was passed. */
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

/** Keys were released or parked since the slice read them: it is repeated with the current keys. */
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
  /** The one handler whose keys fail; undefined: the whole consumer. */
  readonly handler: string | undefined;

  constructor(why: 'parked_cap' | 'systemic_fault', handler?: string) {
    super(`parking is refused (${why})`);
    this.why = why;
    this.handler = handler;
  }
}

/** A statement of the inbox itself failed: the fault of the database or of the kit, never of an event. */
export class OwnStatementFailed extends Error {
  readonly kind = 'own_statement_failed';
  readonly step: OwnStep;
  constructor(step: OwnStep, cause: unknown) {
    super(`the inbox's own statement failed (${step})`, { cause });
    this.step = step;
  }
}

/** A handler threw. */
export class HandlerFailed extends Error {
  readonly kind = 'handler_failed';
  readonly handler: string;
  readonly events: readonly ReceivedEvent[];
  constructor(handler: string, events: readonly ReceivedEvent[], cause: unknown) {
    super(`handler ${handler} failed`, { cause });
    this.handler = handler;
    this.events = events;
  }
}

/** Runs a statement of the inbox, and names it when it fails. Errors that are not the database's pass unchanged. */
export async function ownStatement<T>(step: OwnStep, statement: () => Promise<T>): Promise<T> {
  try {
    return await statement();
  } catch (error) {
    if (error instanceof HeldChanged || error instanceof TypeAhead) throw error;
    throw new OwnStatementFailed(step, error);
  }
}
