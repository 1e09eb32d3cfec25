import { hostname } from 'node:os';
import type { Database } from '@convergekit/postgres';
import { policyBook, SharedGuards } from '@convergekit/resilience';
import { type Clock, newUuidV7, type Random, systemClock, systemRandom } from '@convergekit/core';
import { logger, type Logger } from '@convergekit/telemetry';

/** The options that the worker of calls and the one of workflows share. */
export interface CommonOptions<DB> {
  /** The database of intents and journals: the service's own. */
  readonly database: Pick<Database<DB>, 'db' | 'executor'>;
  /** Unique to this process. @default host name and a UUID */
  readonly holder?: string;
  /** The milliseconds after the deadline of a call's policy at which it has ended for certain. @default 10_000 */
  readonly leaseMarginMs?: number;
  /**
   * The time a call may fail before it is shown as stuck and an operator is alerted. The failure may be of the call, a
   * query, an undo or a reaction; it is still retried. A pause of a saga that lasts longer raises an alarm, too. In
   * milliseconds. @default 900_000
   */
  readonly stuckAfterMs?: number;
  /** The time a stop waits for calls in flight; those cut off are queried later. In milliseconds. @default 10_000 */
  readonly drainMs?: number;
  /** The time ended intents and workflows are kept. In milliseconds. @default 2_592_000_000 (30 days) */
  readonly keepMs?: number;
  /**
   * The period of housekeeping: what is overdue is alerted, what ended long ago is deleted, and a saga worker reports. In
   * milliseconds, of a saga worker at most 300_000. @default 60_000
   */
  readonly tidyMs?: number;
  /** The policies, breakers and budgets, by call or `<workflow>.<step>`. @default separate ones, the kit's policy */
  readonly shared?: SharedGuards;
  /** The clock of leases, waits and periods; a test gives a manual one. @default the system's */
  readonly clock?: Clock;
  /** Random numbers for jitter; a test gives seeded ones. @default Math.random */
  readonly random?: Random;
  /** The log of alarms, outages and lost leases. @default the kit's logger `saga` */
  readonly log?: Logger;
}

/** Returns the common options with their defaults. */
export function withDefaults<DB>(options: CommonOptions<DB>): Required<CommonOptions<DB>> {
  const { clock = systemClock, random = systemRandom } = options;
  return {
    holder: `${hostname()}/${newUuidV7()}`,
    leaseMarginMs: 10_000,
    stuckAfterMs: 900_000,
    drainMs: 10_000,
    keepMs: 2_592_000_000,
    tidyMs: 60_000,
    log: logger('saga'),
    ...options,
    clock,
    random,
    shared: options.shared ?? new SharedGuards({ policies: policyBook({}), clock, random }),
  };
}

/** The common options that are whole numbers. */
export const WHOLE = ['leaseMarginMs', 'stuckAfterMs', 'drainMs', 'keepMs', 'tidyMs'] as const;

/** Returns those of `names` that are no whole numbers from 1, each in words (pure). */
export function fractions<Name extends string>(
  options: Readonly<Record<Name, number>>,
  names: readonly Name[],
): readonly string[] {
  return names.flatMap((name) => {
    const value = options[name];
    return Number.isInteger(value) && value >= 1
      ? []
      : [`${name} is ${value}, but must be a whole number from 1`];
  });
}
