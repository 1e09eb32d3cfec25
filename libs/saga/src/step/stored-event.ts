import { ContractError, type EventDefinition, type ReceivedEvent } from '@convergekit/contracts';
import { SagaError } from '../errors.ts';

/** An event stored with a step, for handlers that run later, without the record's headers. */
export interface StoredEvent {
  readonly id: string;
  readonly type: string;
  readonly version: number;
  readonly topic: string;
  readonly key: string;
  readonly time: string;
  readonly source: string;
  readonly correlationId?: string;
  readonly causationId?: string;
  readonly hops: number;
  readonly deadline?: string;
  readonly saga?: string;
  readonly partition: number;
  readonly offset: string;
  readonly payload: string;
}

export function storeEvent(event: ReceivedEvent): StoredEvent {
  const { id, type, version, topic, key, time, source, hops, partition, offset, payload } = event;
  const { correlationId, causationId, deadline, saga } = event;
  return {
    id,
    type,
    version,
    topic,
    key,
    time: time.toISOString(),
    source,
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(causationId === undefined ? {} : { causationId }),
    hops,
    ...(deadline === undefined ? {} : { deadline: deadline.toISOString() }),
    ...(saga === undefined ? {} : { saga }),
    partition,
    offset: `${offset}`,
    payload,
  };
}

/** Restores a stored event, its data parsed by its definition. Throws a ContractError when it does not fit. */
export function reviveEvent(
  { time, deadline, offset, ...stored }: StoredEvent,
  definitions: readonly EventDefinition[],
): ReceivedEvent {
  const definition = definitions.find(({ type }) => type === stored.type);
  if (definition === undefined)
    throw new SagaError(
      'STEP_INVALID',
      `${stored.type} is not among the events that this step begins with: the declaration was changed without a new version`,
    );
  return Object.freeze({
    ...stored,
    time: new Date(time),
    ...(deadline === undefined ? {} : { deadline: new Date(deadline) }),
    offset: BigInt(offset),
    headers: Object.freeze({}),
    data: dataOf(definition, stored),
  });
}

/** Parses the data. An event of a newer contract is left to a process that knows it: the step is not refused. */
function dataOf(
  definition: EventDefinition,
  { type, version, payload }: Pick<StoredEvent, 'type' | 'version' | 'payload'>,
): unknown {
  try {
    return definition.parse(payload, version);
  } catch (cause) {
    if (!(cause instanceof ContractError) || cause.code !== 'VERSION_UNKNOWN') throw cause;
    throw new SagaError('INTENT_UNREADABLE', `${type} v${version} is not known here: ${cause.message}`, {
      category: 'service',
      cause,
    });
  }
}

/** The event that says what a step came to. */
export interface StoredFact {
  readonly type: string;
  readonly version: number;
  readonly payload: string;
  /** JSON, of a step that is a call: its result, which its undo gets. Absent where an operator gave the event. */
  readonly callResult?: string;
}
