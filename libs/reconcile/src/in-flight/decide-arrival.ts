import { comparePositions, parsePosition, START } from '@convergekit/contracts/engine';
import type { Arrival, PartitionArrival } from './arrival-sql.ts';
import type { Frontier, SentFlight } from './frontier-sql.ts';
import type { InFlight } from './in-flight.ts';
import type { Pending } from './pending.ts';

export type ArrivalDecision =
  | { readonly kind: 'pending'; readonly why: Pending }
  | {
      readonly kind: 'handled';
      readonly flight: SentFlight;
      readonly sagas: boolean;
      /** The highest tick of the flight's epoch whose events were handled; null = none. */
      readonly reached: string | null;
    };

/**
 * Decides whether all events up to the frontier have been handled. Pure.
 * Whatever cannot be proved counts as not handled.
 */
export function decideArrival(
  { topic, consumer }: Pick<InFlight, 'topic' | 'consumer'>,
  frontier: Frontier,
  arrival: Arrival | undefined,
): ArrivalDecision {
  const pending = (why: Pending): ArrivalDecision => ({ kind: 'pending', why });
  const halted = (partition: number | null, why: string): ArrivalDecision =>
    pending({ kind: 'halted', topic, partition, why });
  if (frontier.state === 'unknown') return halted(null, frontier.why);
  const { partition } = frontier;
  if (frontier.state === 'halted') return halted(partition, `the relay: ${frontier.why}`);
  if (arrival === undefined)
    return halted(partition, 'the database of actual has no inbox: run `converge migrate` there');
  const stopped = arrival.partitions.find(({ halted: why, filling }) => why !== null || filling);
  if (stopped !== undefined) return halted(stopped.partition, stopText(consumer, stopped));
  const seenIn = (at: number | null): string | null =>
    arrival.partitions.find((one) => one.partition === at)?.seen ?? null;
  const inFlight = (at: number | null, upTo: string): ArrivalDecision =>
    pending({ kind: 'in_flight', topic, partition: at, upTo, seen: seenIn(at) });
  if (frontier.state === 'not_ticked') return inFlight(partition, 'the next tick');
  if (frontier.state === 'ticked') return inFlight(partition, `the end of tick ${frontier.flight.tick}`);
  // Without a place nothing arrives: the names may be wrong. A place in another partition shows that they are right.
  if (!arrival.registered)
    return halted(partition, `consumer ${consumer} has no place in the topic: was it ever started?`);
  const { flight } = frontier;
  const behind = flight.upTo.find(({ partition: at, position }) => {
    const seen = seenIn(at);
    return comparePositions(seen === null ? START : parsePosition(seen), parsePosition(position)) < 0;
  });
  if (behind !== undefined) return inFlight(behind.partition, behind.position);
  return { kind: 'handled', flight, sagas: arrival.sagas, reached: reachedTick(arrival, flight.epoch) };
}

function reachedTick({ partitions }: Arrival, epoch: number): string | null {
  const ticks = partitions.flatMap(({ seen }) => {
    const at = seen === null ? START : parsePosition(seen);
    return at.epoch === epoch ? [at.tick] : [];
  });
  return (
    ticks
      .reduce<bigint | null>((most, tick) => (most === null || tick > most ? tick : most), null)
      ?.toString() ?? null
  );
}

function stopText(consumer: string, { halted }: PartitionArrival): string {
  return halted === null
    ? `consumer ${consumer} handles events of \`converge consumers fill\``
    : `consumer ${consumer}: ${halted}`;
}
