import { executorOf, type Executor } from '@convergekit/postgres';
import type { Databases } from '../definition.ts';
import { type OpenWorkRequest, readArrival, readOpenWork } from './arrival-sql.ts';
import { decideArrival } from './decide-arrival.ts';
import { eventsSince, type Frontier, readFrontier, type SentFlight } from './frontier-sql.ts';
import { eventKeysOf, type InFlight } from './in-flight.ts';
import type { Pending } from './pending.ts';
import { type Flight, type Wait, waitAgain } from './wait.ts';

/** The events of a key that were handled, and what is to be checked again before a repair commits. */
export interface Arrived {
  readonly work: OpenWorkRequest;
  readonly flight: SentFlight;
  /** The highest tick of the flight's epoch whose events the consumer has handled. */
  readonly reached: string | null;
}

export type ArrivalCheck = { readonly kind: 'arrived'; readonly arrived: Arrived } | PendingCheck;

export interface PendingCheck {
  readonly kind: 'pending';
  readonly why: Pending;
  readonly wait: Wait;
}

export interface ArrivalCheckRequest {
  readonly inFlight: InFlight;
  readonly key: string;
  readonly databases: Databases<unknown, unknown>;
  /** The wait that the last look stored. */
  readonly before: Wait | null;
}

/**
 * Checks that every event of a key that was emitted before now has been handled, and that none of them is parked or open.
 * A state of actual that is read after this reflects all of them.
 */
export async function checkArrival(request: ArrivalCheckRequest): Promise<ArrivalCheck> {
  const { inFlight, key, databases, before } = request;
  const { topic, consumer } = inFlight;
  const keys = eventKeysOf(inFlight, key);
  const frontier = await frontierOf(request, keys);
  const flight = 'flight' in frontier ? frontier.flight : null;
  const executor = executorOf(databases.actual);
  const partitions = partitionsOf(frontier);
  const asked = { consumer, topic, source: flight?.source ?? null, partitions };
  const arrival = await readArrival(executor, asked);
  const decision = decideArrival(inFlight, frontier, arrival);
  if (decision.kind === 'pending') return pending(before, decision.why, flight);
  const work = { consumer, topic, keys, sagas: decision.sagas };
  const open = await readOpenWork(executor, work);
  if (open !== undefined) return pending(before, open, flight);
  return { kind: 'arrived', arrived: { work, flight: decision.flight, reached: decision.reached } };
}

/**
 * Looks for events of the key that were emitted since the flight that has arrived; undefined = none. The wait begins anew.
 * A copy that lacks what the consumer has handled has a desired of the past, which counts as pending.
 */
export async function findOvertaken(
  databases: Databases<unknown, unknown>,
  { work: { topic, keys }, flight, reached }: Arrived,
  before: Wait | null,
): Promise<PendingCheck | undefined> {
  const since = await eventsSince(executorOf(databases.desired), { topic, keys, flight, reached });
  if (since === 'none') return undefined;
  const [place] = flight.upTo;
  const partition = place?.partition ?? null;
  if (since === 'behind') {
    const why = `the consumer has handled tick ${reached}, which the database of desired lacks: it is an old copy, or went back`;
    return pending(before, { kind: 'halted', topic, partition, why }, null);
  }
  const seen = place?.position ?? null;
  return pending(before, { kind: 'in_flight', topic, partition, upTo: 'the next tick', seen }, null);
}

function frontierOf(
  { inFlight: { topic }, databases, before }: ArrivalCheckRequest,
  keys: readonly string[],
): Promise<Frontier> | Frontier {
  const flight = before?.flight ?? null;
  const [place] = flight?.upTo ?? [];
  // A frontier that is known need not be asked for again: what came later is looked for after actual was read.
  if (flight?.upTo != null)
    return {
      state: 'sent',
      partition: place?.partition ?? null,
      flight: { ...flight, upTo: flight.upTo },
    };
  return readFrontier(executorOf(databases.desired), { topic, keys, before: flight });
}

function partitionsOf(frontier: Frontier): readonly number[] {
  if (frontier.state === 'sent') return frontier.flight.upTo.map(({ partition }) => partition);
  return frontier.state === 'unknown' || frontier.partition === null ? [] : [frontier.partition];
}

function pending(before: Wait | null, why: Pending, flight: Flight | null): PendingCheck {
  return { kind: 'pending', why, wait: waitAgain(before, why.kind, flight) };
}

/**
 * Looks for parked events and open steps again, in the transaction of the repair and after its write; undefined = none.
 * A drain or a worker that changed actual before the write made the repair a conflict; one that comes later waits for the
 * written rows, and what it works on is still seen here. A look before the transaction would miss what opens in between.
 */
export async function confirmArrived(
  tx: Executor,
  { work, flight }: Arrived,
  before: Wait | null,
): Promise<PendingCheck | undefined> {
  const why = await readOpenWork(tx, work);
  return why && { kind: 'pending', why, wait: waitAgain(before, why.kind, flight) };
}
