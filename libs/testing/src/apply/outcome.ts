import type { ConsumerStatus } from '@convergekit/inbox';
import type { ParkedSummary } from '@convergekit/inbox/operate';
import type { RequestedCall } from './calls-sql.ts';
import type { EmittedEvent } from './events.ts';
import type { Written } from './written.ts';

type Status = ConsumerStatus['partitions'][number];

/** A call of a handler. It failed where there is an error. */
export interface HandlerCall {
  readonly handler: string;
  readonly error?: unknown;
}

/** What became of a delivered record. */
export interface Settled {
  readonly before: Status['counts'];
  readonly after: Status['counts'];
  readonly state: Status;
  readonly calls: readonly HandlerCall[];
}

/** What an event left behind, whatever became of it. */
export interface Effects {
  /** The id of the event. */
  readonly eventId: string;
  /** The rows that changed in the service's own tables. */
  readonly written: Written;
  /** The events in the service's outbox, failure events among them, in order. */
  readonly emitted: readonly EmittedEvent[];
  /** The calls to other systems that were requested. They are not made. */
  readonly calls: readonly RequestedCall[];
  /** The calls of handlers, with the errors that they threw. */
  readonly handled: readonly HandlerCall[];
}

/**
 * The end of one event at one consumer.
 * applied          its handlers ran, and their transaction is committed
 * duplicate        it was handled before: nothing happened
 * skipped          no handler takes its type
 * parked           it failed and will be tried again, or waits behind an event of its key
 * rejected         a BusinessRejection: the declared "no", with a failure event
 * dead_lettered    it was given up, with a failure event, and waits for an operator
 * resolved         it was given up, and the step of a saga deals with that
 * gap              an event before it is missing: the partition is halted
 * halted           the partition is halted for another reason
 * paused           the partition waits and will go on by itself
 */
export type OutcomeEnd =
  | { readonly kind: 'applied' | 'duplicate' | 'skipped' | 'resolved' }
  | { readonly kind: 'parked' | 'rejected' | 'dead_lettered'; readonly parked: ParkedSummary }
  | { readonly kind: 'gap'; readonly reason: string }
  | { readonly kind: 'halted' | 'paused'; readonly code: string; readonly reason: string };

export type Outcome = OutcomeEnd & Effects;

/** Pure: what became of an event, by the counts of its partition. */
export function endOf(settled: Settled, parked: ParkedSummary | undefined): OutcomeEnd {
  const { before, after, state, calls } = settled;
  if (state.state === 'halted')
    return state.code === 'gap'
      ? { kind: 'gap', reason: state.reason }
      : { kind: 'halted', code: state.code, reason: state.reason };
  if (state.state === 'paused') return { kind: 'paused', code: state.code, reason: state.reason };
  if (after.handled > before.handled) return { kind: 'applied' };
  if (after.duplicates > before.duplicates) return { kind: 'duplicate' };
  if (parked !== undefined) {
    if (after.deadLetters > before.deadLetters) return { kind: 'dead_lettered', parked };
    if (after.rejected > before.rejected) return { kind: 'rejected', parked };
    if (after.parked > before.parked) return { kind: 'parked', parked };
  }
  return { kind: calls.length > 0 ? 'resolved' : 'skipped' };
}
