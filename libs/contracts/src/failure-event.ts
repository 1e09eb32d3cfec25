import { CATEGORIES, CERTAINTIES } from '@convergekit/core/engine';
import { z } from 'zod';
import { ContractError } from './contract-error.ts';
import { defineEvent } from './define-event.ts';
import type { EventDefinition } from './event-definition.ts';
import { KIT_TYPES } from './wire.ts';

const category = z.enum(CATEGORIES);
const certainty = z.enum(CERTAINTIES);

/** The inputs from which the wait after an attempt was computed. */
const wait = z.object({
  computedMs: z.number().nonnegative(),
  hintMs: z.number().nonnegative().optional(),
  capMs: z.number().nonnegative(),
  budgetLeft: z.number().optional(),
  rule: z.string(),
});

const attempt = z.object({
  number: z.int().positive().optional(),
  at: z.iso.datetime(),
  durationMs: z.number().nonnegative(),
  category,
  certainty,
  code: z.string(),
  message: z.string(),
  /** The consumer's decision after the attempt. */
  outcome: z.string().optional(),
  wait: wait.optional(),
});

/** The failed event. `id`, `type`, `version` and `source` are null when its headers could not be read. */
const failedEvent = z
  .object({
    id: z.string().nullable(),
    type: z.string().nullable(),
    version: z.int().positive().nullable().default(1),
    source: z.string().nullable(),
    topic: z.string(),
    partition: z.int().nonnegative(),
    // The offset in the log. A negative number marks an event that was filled in later and has no offset.
    offset: z.string().regex(/^-?\d+$/),
    position: z.string().nullable().default(null),
    key: z.string().min(1),
    /** The payload as received, up to 256 KB. */
    payload: z.string().optional(),
    /** The payload in base64, when it is not UTF-8. */
    payloadBase64: z.string().optional(),
    /** A reference to a larger payload. */
    ref: z.string().optional(),
    /** Hex SHA-256 of the payload's bytes, when the payload is not included. */
    payloadSha256: z.string().optional(),
  })
  .refine(
    ({ payload, payloadBase64, ref }) =>
      [payload, payloadBase64, ref].filter((part) => part !== undefined).length === 1,
    { message: 'exactly one of payload, payloadBase64 and ref must be given' },
  );

/** The saga step that failed: its instance and its operation. */
export const failedStep = z.object({
  name: z.string().min(1),
  version: z.int().positive(),
  instance: z.string().min(1),
  step: z.string().min(1),
  op: z.enum(['apply', 'cancel']),
});

const failureData = z.object({
  consumer: z.string().min(1),
  handler: z.string().min(1),
  event: failedEvent,
  category,
  certainty,
  code: z.string(),
  message: z.string(),
  attempts: z.array(attempt),
  firstAt: z.iso.datetime(),
  lastAt: z.iso.datetime(),
  traceparent: z.string().optional(),
  causationId: z.string().optional(),
  /** The last attempt before the consumer gave up; compensating events refer to it. */
  attemptId: z.string().optional(),
  /** Set when the failed handler is a step of a saga. */
  saga: failedStep.optional(),
  /** The id of an earlier failure event of unknown certainty, whose outcome this event reports. */
  resolves: z.string().optional(),
});

export type FailedStep = z.output<typeof failedStep>;
export type FailureData = z.output<typeof failureData>;
export type FailureInput = z.input<typeof failureData>;

const SUFFIX = '.failures';

/** Returns the topic of a consumer's failure events. */
export function failureTopic(consumer: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/.test(consumer))
    throw new ContractError(
      'DEFINITION_INVALID',
      `${JSON.stringify(consumer)} cannot name a consumer: use at most 201 letters, digits, ".", "_" and "-" (its failure topic is named after it)`,
    );
  return `${consumer}${SUFFIX}`;
}

/** Returns the consumer of whose failures a topic is; undefined for another topic. */
export function failingConsumerOf(topic: string): string | undefined {
  return topic.endsWith(SUFFIX) ? topic.slice(0, -SUFFIX.length) : undefined;
}

/** Defines the event that reports an event that a consumer could not apply. The key is the key of the failed event. */
export function failureEvent(
  consumer: string,
): EventDefinition<typeof KIT_TYPES.failure, FailureData, FailureInput> {
  return defineEvent(KIT_TYPES.failure, {
    version: 1,
    topic: failureTopic(consumer),
    key: (data) => data.event.key,
    data: failureData,
  });
}
