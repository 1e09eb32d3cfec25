import { type Database, type PolicyWatch, policyWatch } from '@convergekit/postgres';
import type { PolicyLayer } from '@convergekit/resilience';
import { logger, recordPolicies } from '@convergekit/telemetry';
import type { AlarmName } from '../alarms.ts';

export interface LivePoliciesOptions {
  /** Whose central table is watched: each service's own, or one for all of them. */
  readonly database: Pick<Database, 'executor'>;
  /** What the central table lies over: the code's rules, then `policyLayersOf` its configuration. @default none */
  readonly layers?: readonly PolicyLayer[];
  /** How often the table is looked at, milliseconds. @default 2_000 */
  readonly pollMs?: number;
}

/**
 * The policies of a process as a service that is started before what it serves: `converge policy set` holds in it without a
 * restart. Version, age and refused rules are metrics; a change, and a rule that is refused, is a line in the log.
 */
export function livePolicies({ database, ...options }: LivePoliciesOptions): PolicyWatch {
  const log = logger('policies');
  return policyWatch({
    ...options,
    executor: database.executor,
    onLook: recordPolicies,
    onChange: ({ version, refused }) => {
      log.info({ version }, 'other policies hold from now on');
      for (const rule of refused)
        log.error(
          { alarm: 'policy_refused' satisfies AlarmName, ...rule },
          'a rule of the central table cannot be used',
        );
    },
  });
}
