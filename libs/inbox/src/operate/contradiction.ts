import { failureTopic } from '@convergekit/contracts';

/** The choice of an operator about an event whose failure event was emitted. */
export interface AfterCompensation {
  /** Runs a given-up event again, although services may have compensated its failure. @default false */
  readonly afterCompensation?: boolean;
}

/** The part of a parked row that says whether its failure is published. */
export interface GivenUpRow {
  readonly consumer: string;
  /** The id of the failure event; null for an event that was not given up. */
  readonly failure_event: string | null;
}

/** The way that keeps all services in agreement. */
export const KEEPS_AGREEMENT =
  'To keep agreement, have the service that owns the fact emit a new event, or a correction that the compensating services handle, and skip this one';

/**
 * Says what another run of a parked event would contradict; undefined = nothing. Pure. Only the consumer's own database is
 * known here: that the failure event was emitted, not whether a service compensated it.
 */
export function contradictionOf({ consumer, failure_event: id }: GivenUpRow): string | undefined {
  if (id === null) return undefined;
  return `its failure event ${id} was emitted to ${failureTopic(consumer)}, and each service that handles it may have compensated; if the event now takes effect after all, nothing says so to them. ${KEEPS_AGREEMENT}. To run it again all the same, name it: --after-compensation`;
}

/** The reason for which a plan leaves out the events of this count (pure). */
export const REPORTED = `their failure events were emitted, so other services may have compensated (--after-compensation retries them all the same). ${KEEPS_AGREEMENT}`;

/** The reason that the audit keeps: it says that the operator knew of the failure event. Pure. */
export function reasonOf(reason: string, row: Pick<GivenUpRow, 'failure_event'>): string {
  return row.failure_event === null
    ? reason
    : `after compensation (failure event ${row.failure_event}): ${reason}`;
}

/** The choice of an operator about an event that was not given up. */
export interface Unreported {
  /** Skips an event of which no failure event speaks, so that no service compensates it. @default false */
  readonly unreported?: boolean;
}

/** The reason for which an event that was not given up is not skipped. */
export const UNREPORTED =
  'it was not given up, so no failure event says to other services that it never takes effect, and none compensates. Let it be given up first, then skip it (`giveUp.afterMs` of its policy, `parking.schedule`); or correct them by hand, and skip it with --unreported';
