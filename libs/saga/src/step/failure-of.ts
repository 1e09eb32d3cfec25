import type { DomainEvent } from '@convergekit/contracts';
import { failureEvent } from '@convergekit/contracts/engine';
import type { StoredFailure, WorkAttempt } from '../effects/work/work.ts';
import type { Member } from './member.ts';
import type { StoredEvent } from './stored-event.ts';

/** The data of the failure event of a step that failed outside its slice. */
export interface FailedStepWork {
  /** The event that failed first of all. */
  readonly events: readonly StoredEvent[];
  readonly failure: StoredFailure;
  readonly attempts?: readonly WorkAttempt[];
  readonly resolves?: string | undefined;
  /** @default apply */
  readonly op?: 'apply' | 'cancel';
}

/** The failure event of a step, as its consumer would have emitted it. */
export function failureOf<DB>(
  { step }: Member<DB>,
  instance: string,
  { events: [event], failure, attempts = [], resolves, op = 'apply' }: FailedStepWork,
): DomainEvent {
  if (event === undefined) throw new TypeError(`step ${step.name} failed at nothing`);
  const { id, type, version, source, topic, partition, offset, key, payload } = event;
  const { category, certainty, code, message } = failure;
  const tried = attempts.flatMap(({ at, durationMs, failure: one }) =>
    one === undefined ? [] : [{ at, durationMs, ...one }],
  );
  const now = new Date().toISOString();
  return failureEvent(step.by)({
    consumer: step.by,
    handler: `${step.saga}.${step.name}`,
    event: { id, type, version, source, topic, partition, offset, key, payload },
    ...{ category, certainty, code, message },
    attempts: tried,
    firstAt: tried[0]?.at ?? now,
    lastAt: tried.at(-1)?.at ?? now,
    causationId: id,
    saga: { name: step.saga, version: step.version, instance, step: step.name, op },
    ...(resolves === undefined ? {} : { resolves }),
  });
}
