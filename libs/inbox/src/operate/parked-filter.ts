import { isUuid } from '@convergekit/core/engine';
import type { ParkedState } from '../park/parked-row.ts';

/** Selects parked events. An omitted condition matches everything. */
export interface ParkedFilter {
  readonly ids?: readonly string[] | undefined;
  /** One event, in all consumers. */
  readonly eventId?: string | undefined;
  readonly consumer?: string | undefined;
  readonly topic?: string | undefined;
  readonly key?: string | undefined;
  readonly states?: readonly ParkedState[] | undefined;
  readonly handler?: string | undefined;
  readonly category?: string | undefined;
  readonly code?: string | undefined;
  /** Of the failure, as `groupFailures` returns it: failures whose texts differ only in names and numbers share it. */
  readonly fingerprint?: string | undefined;
  /** Parked at this time or later. */
  readonly since?: Date | undefined;
  /** Parked before this time. */
  readonly until?: Date | undefined;
  /** Without the events that wait behind another one of their key that waits. */
  readonly firstOnly?: true | undefined;
}

/** The events that a retry by a filter means: one that waits behind another of its key follows that one. Pure. */
export function retriedFilter(filter: ParkedFilter): ParkedFilter {
  const { ids, states } = filter;
  const mayWait = states === undefined || states.includes('waiting');
  return ids === undefined && mayWait ? { ...filter, firstOnly: true } : filter;
}

export interface Conditions {
  /** SQL on the columns of `converge.parked`. */
  readonly where: string;
  readonly values: readonly unknown[];
}

/** An event behind another one was not attempted. */
const FIRST_ONLY = `not (state = 'waiting' and category is null and exists (select from converge.parked_key k
    where k.consumer = parked.consumer and k.topic = parked.topic and k.key = parked.line and k.state = 'waiting'))`;

/** Returns the conditions of a filter and no others, so that each has the plan that suits it (pure). */
export function conditionsOf(filter: ParkedFilter): Conditions {
  const values: unknown[] = [];
  const where: string[] = [];
  const add = (value: unknown, condition: (place: string) => string): void => {
    if (value !== undefined) where.push(condition(`$${values.push(value)}`));
  };
  add(filter.ids?.filter(isUuid), (at) => `id = any (${at}::uuid[])`);
  add(filter.eventId, (at) => `event_id = ${at}`);
  add(filter.consumer, (at) => `consumer = ${at}`);
  add(filter.topic, (at) => `topic = ${at}`);
  add(filter.key, (at) => `key = ${at}`);
  // Of one state the index has the order of parking, so a page of them is read without the others.
  if (filter.states?.length === 1) add(filter.states[0], (at) => `state = ${at}`);
  else add(filter.states, (at) => `state = any (${at})`);
  add(filter.handler, (at) => `handler = ${at}`);
  add(filter.category, (at) => `category = ${at}`);
  add(filter.code, (at) => `code = ${at}`);
  add(filter.since?.toISOString(), (at) => `parked_at >= ${at}`);
  add(filter.until?.toISOString(), (at) => `parked_at < ${at}`);
  add(filter.fingerprint, (at) => `fingerprint = ${at}`);
  if (filter.firstOnly) where.push(FIRST_ONLY);
  return { where: where.length === 0 ? 'true' : where.join(' and '), values };
}
