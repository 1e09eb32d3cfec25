import type { PolicyLayer } from '@convergekit/resilience';
import { type Database, type PolicyWatch, policyWatch } from '@convergekit/postgres';
import { logger, recordPolicies } from '@convergekit/telemetry';
import type { AlarmName } from '../alarms.ts';

export interface LivePoliciesOptions {
  /** The database whose central table is watched: each service's own, or one for all. */
  readonly database: Pick<Database, 'executor'>;
  /** The layers below the central table: the code's rules, then `policyLayersOf` its configuration. @default none */
  readonly layers?: readonly PolicyLayer[];
  /** The period in which the table is read, in milliseconds. @default 2_000 */
  readonly pollMs?: number;
}

/**
 * The live policies of a process, a service that starts before its users. `converge policy set` applies without a
 * restart. Version, age and refused rules are metrics; a change or a refused rule is a line in the log.
 * @example
 * ```ts
 * import { systemClock, systemRandom } from 'convergekit';
 * import { livePolicies, runServices, SharedGuards } from 'convergekit/process';
 * import { database } from './shop.ts';
 *
 * const policies = livePolicies({ database });
 * export const shared = new SharedGuards({ policies, clock: systemClock, random: systemRandom });
 * await runServices([policies]); // `converge policy set` reaches the process
 * ```
 */
export function livePolicies({ database, ...options }: LivePoliciesOptions): PolicyWatch {
  const log = logger('policies');
  return policyWatch({
    ...options,
    executor: database.executor,
    onLook: recordPolicies,
    onChange: ({ version, refused }) => {
      log.info({ version }, 'the policies changed');
      for (const rule of refused)
        log.error(
          { alarm: 'policy_refused' satisfies AlarmName, ...rule },
          'a rule of the central table cannot be used',
        );
    },
  });
}
