import { z } from 'zod';
import type { Backoff } from '@convergekit/core/engine';
import type { BreakerSettings } from './breaker-state.ts';
import { defaultGiveUp, type GiveUpRules, type Policy } from './policy.ts';
import type { BudgetSettings } from './retry-budget.ts';

/** A partial policy: the fields that a rule changes. Plain data. */
export interface PolicyChange {
  readonly attempts?: Policy['attempts'] | undefined;
  readonly backoff?: Some<Backoff> | undefined;
  readonly attemptTimeoutMs?: number | undefined;
  readonly deadlineMs?: Policy['deadlineMs'] | undefined;
  readonly budget?: Some<BudgetSettings> | undefined;
  readonly objective?: Policy['objective'];
  readonly giveUp?: Some<GiveUpRules> | undefined;
  readonly breaker?:
    (Some<Omit<BreakerSettings, 'open'>> & { readonly open?: Some<Backoff> | undefined }) | undefined;
}

type Some<T> = { readonly [Field in keyof T]?: T[Field] | undefined };

const ms = (what: string): z.ZodNumber =>
  z
    .number({ error: `${what} must be a number of milliseconds` })
    .nonnegative({ error: `${what} must not be negative: give milliseconds from 0` })
    .max(2_147_483_647, { error: `${what} is longer than timers can wait (2147483647 ms, 24 days)` });

const some = (what: string): z.ZodNumber => ms(what).positive({ error: `${what} must be above 0` });

const rate = (what: string): z.ZodNumber =>
  z
    .number({ error: `${what} must be a share from 0 to 1` })
    .gt(0, { error: `${what} must be above 0: at 0 one success would open the breaker` })
    .max(1, { error: `${what} must be at most 1: it is a share, not a percentage` });

/** Extends a schema by the word `unbounded`, with the error of the number: a user who typed a number meant one. */
const orUnbounded = <T extends z.ZodType<number>>(schema: T) =>
  z.union([schema, z.literal('unbounded')], {
    error: ({ input }) =>
      `${schema.safeParse(input).error?.issues[0]?.message ?? 'Invalid input'} (or the word unbounded)`,
  });

/** A delay before the next try: it starts at `baseMs`, grows by `factor`, and stops growing at `capMs`. */
const backoff = z.strictObject({
  baseMs: ms('baseMs').optional().describe('The first delay before the next attempt.'),
  factor: z
    .number()
    .min(1, { error: 'factor must be at least 1: below it the delays would shrink' })
    .optional()
    .meta({ description: 'The growth of the delay before the next attempt.', unit: 'none' }),
  capMs: ms('capMs').optional().describe('The longest delay before the next attempt.'),
});

const attempts = z
  .int()
  .min(1, { error: 'attempts counts the first one: give at least 1' })
  .max(1000, { error: 'more than 1000 attempts is no bound: give fewer, or say unbounded' });

const budget = z.strictObject({
  capacity: orUnbounded(
    z
      .number({ error: 'capacity must be a number of tokens' })
      .nonnegative({ error: 'capacity must not be negative: give tokens from 0' }),
  ).optional(),
});

const objective = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9_.-]{0,62}$/, {
    error:
      'name must be a metric label: a small letter, then small letters, digits, "_", "." or "-", at most 63',
  }),
  target: z
    .number({ error: 'target must be a share, for example 0.999' })
    .gt(0, { error: 'target must be above 0' })
    .lt(1, { error: 'target must be below 1: 99.9 % is 0.999, and 100 % leaves no budget to burn' }),
});

const giveUp = z.strictObject({
  afterMs: ms('afterMs')
    .optional()
    .describe(
      'The time over which a consumer tries an event at least that fails by a bug or a structural failure, before it is given up.',
    ),
  perHour: orUnbounded(
    z.int({ error: 'perHour must be a whole number' }).min(0, {
      error: 'perHour must not be negative: 0 pauses the consumer in place of giving up any event',
    }),
  )
    .optional()
    .meta({
      description:
        'The most such events, and events of refused data, that a consumer gives up in an hour, since each is compensated; then the consumer pauses.',
      unit: 'events',
    }),
});

const breaker = z.strictObject({
  windowMs: some('windowMs').optional(),
  minimumCalls: z
    .int({ error: 'minimumCalls must be a whole number' })
    .min(1, { error: 'minimumCalls must be at least 1' })
    .optional(),
  failureRate: rate('failureRate').optional(),
  slowCallMs: some('slowCallMs').optional(),
  slowRate: rate('slowRate').optional(),
  open: backoff.optional(),
});

/** Validates the fields of a change that are settings, too. The others are set in the code or the central table. */
export const policySettingSchema = z.strictObject({
  attempts: orUnbounded(attempts)
    .optional()
    .meta({ description: 'The number of attempts, the first one included.', unit: 'attempts' }),
  backoff: backoff.optional(),
  attemptTimeoutMs: some('attemptTimeoutMs').optional().describe('The time that one attempt may take.'),
  deadlineMs: orUnbounded(some('deadlineMs'))
    .optional()
    .describe('The time that all attempts together may take.'),
  giveUp: giveUp.optional(),
});

/** Validates the shape of a change: its names and values, each alone. */
export const policyChangeSchema: z.ZodType<PolicyChange> = policySettingSchema.extend({
  budget: budget.optional(),
  objective: objective.optional(),
  breaker: breaker.optional(),
});

/** Returns the policy with the fields of the change applied. */
export function applyChange(policy: Policy, { giveUp: limits, ...change }: PolicyChange): Policy {
  return Object.freeze({
    ...policy,
    ...definedFields(change),
    ...giveUpAfter(policy.giveUp, limits),
    backoff: Object.freeze({ ...policy.backoff, ...definedFields(change.backoff) }),
    budget: Object.freeze({ ...policy.budget, ...definedFields(change.budget) }),
    breaker: Object.freeze({
      ...policy.breaker,
      ...definedFields(change.breaker),
      open: Object.freeze({ ...policy.breaker.open, ...definedFields(change.breaker?.open) }),
    }),
  });
}

/** The limits with a change on them. A policy without any keeps none, since only handlers have them. */
function giveUpAfter(below: GiveUpRules | undefined, change: PolicyChange['giveUp']): Pick<Policy, 'giveUp'> {
  if (below === undefined && change === undefined) return {};
  const { afterMs, perHour } = below ?? defaultGiveUp;
  const merged = { afterMs: change?.afterMs ?? afterMs, perHour: change?.perHour ?? perHour };
  return { giveUp: Object.freeze(merged) };
}

/** Drops undefined fields, which would overwrite the lower layer. */
function definedFields<T extends object>(
  fields: T | undefined,
): { [Field in keyof T]?: Exclude<T[Field], undefined> } {
  const present = Object.entries(fields ?? {}).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as { [Field in keyof T]?: Exclude<T[Field], undefined> };
}
