import { z } from 'zod';
import type { Backoff } from './backoff.ts';

/** How a call is retried, as plain data: it travels through JSON, YAML and environment unchanged. */
export interface Policy {
  /** Attempts in all, the first one included. */
  readonly attempts: number;
  readonly backoff: Backoff;
  /** Longest time of one attempt, milliseconds. */
  readonly attemptTimeoutMs: number;
  /** Longest time of the whole, waits included, milliseconds. */
  readonly deadlineMs: number;
}

const ms = (what: string): z.ZodNumber =>
  z
    .number({ error: `${what} must be a number of milliseconds` })
    .nonnegative({ error: `${what} must not be negative: give milliseconds from 0` })
    .max(2_147_483_647, { error: `${what} is longer than timers can wait (2147483647 ms, 24 days)` });

const backoffSchema = z
  .strictObject({
    baseMs: ms('baseMs').default(50),
    factor: z
      .number()
      .min(1, { error: 'factor must be at least 1: below it the delays would shrink' })
      .default(2),
    capMs: ms('capMs').default(20_000),
  })
  .refine(({ baseMs, capMs }) => capMs >= baseMs, {
    path: ['capMs'],
    error: ({ input }) => {
      const { baseMs, capMs } = input as Backoff;
      return `capMs ${capMs} is below baseMs ${baseMs}: raise capMs to at least ${baseMs} or lower baseMs`;
    },
  });

/** Checks a policy and fills in defaults. Every issue has the field's path and a hint. */
export const policySchema: z.ZodType<Policy> = z
  .strictObject({
    attempts: z
      .int()
      .min(1, { error: 'attempts counts the first one: give at least 1' })
      .max(1000, { error: 'more than 1000 attempts is no bound: give fewer' })
      .default(3),
    backoff: backoffSchema.prefault({}),
    attemptTimeoutMs: ms('attemptTimeoutMs')
      .positive({ error: 'attemptTimeoutMs must be above 0' })
      .default(10_000),
    deadlineMs: ms('deadlineMs').positive({ error: 'deadlineMs must be above 0' }).default(60_000),
  })
  .superRefine(({ attempts, backoff, attemptTimeoutMs, deadlineMs }, context) => {
    if (deadlineMs <= 0 || backoff.capMs < 0) return; // told already
    const waits = attempts * backoff.capMs;
    if (attempts > 1 && waits > deadlineMs)
      context.addIssue({
        code: 'custom',
        path: ['deadlineMs'],
        input: deadlineMs,
        message: `attempts × capMs (${attempts} × ${backoff.capMs} = ${waits} ms) is above deadlineMs ${deadlineMs}: the last attempts could never start; raise deadlineMs to ${waits}, or lower attempts or backoff.capMs`,
      });
    if (attemptTimeoutMs > deadlineMs)
      context.addIssue({
        code: 'custom',
        path: ['attemptTimeoutMs'],
        input: attemptTimeoutMs,
        message: `attemptTimeoutMs ${attemptTimeoutMs} is above deadlineMs ${deadlineMs}: lower it to at most ${deadlineMs}`,
      });
  });

/** 3 attempts, base 50 ms doubling up to 20 s with full jitter, 10 s an attempt, 60 s in all. */
export const defaultPolicy: Policy = frozen(policySchema.parse({}));

function frozen(policy: Policy): Policy {
  return Object.freeze({ ...policy, backoff: Object.freeze({ ...policy.backoff }) });
}
