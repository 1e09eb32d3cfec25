import type { DomainEvent } from '@convergekit/contracts';
import { failureEvent, MAX_PAYLOAD_BYTES } from '@convergekit/contracts/engine';
import { payloadOf } from '@convergekit/inbox/engine';
import type { StoredFailure, WorkAttempt } from '../calls/work/work.ts';
import type { StepRun } from './member.ts';
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

/** The failure event of a step, with less detail where it would be too large: unrecorded it would stop its saga. */
export function failureOf<DB>(run: StepRun<DB>, work: FailedStepWork): DomainEvent {
  const whole = failureWith(run, work, true);
  if (Buffer.byteLength(whole.payload) <= MAX_PAYLOAD_BYTES) return whole;
  const attempts = work.attempts?.slice(-FEW_ATTEMPTS) ?? [];
  return failureWith(run, { ...work, attempts }, false);
}

/** The attempts of a failure event that would be too large with all. */
const FEW_ATTEMPTS = 5;

function failureWith<DB>(
  { member: { step }, instance }: StepRun<DB>,
  { events: [event], failure, attempts = [], resolves, op = 'apply' }: FailedStepWork,
  whole: boolean,
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
    event: {
      id,
      type,
      version,
      source,
      topic,
      partition,
      offset,
      key,
      ...payloadOf(Buffer.from(payload), `event:${id}`, whole),
    },
    category,
    certainty,
    code,
    message,
    attempts: tried,
    firstAt: tried[0]?.at ?? now,
    lastAt: tried.at(-1)?.at ?? now,
    causationId: id,
    saga: { name: step.saga, version: step.version, instance, step: step.name, op },
    ...(resolves === undefined ? {} : { resolves }),
  });
}
