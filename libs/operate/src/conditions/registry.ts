import type { DatabaseCheck } from './checks.ts';
import type { Condition } from './condition.ts';
import { consumerConditions, inboxConditions } from './consumer.ts';
import { reconcilerConditions } from './reconciler.ts';
import { sagaConditions } from './saga.ts';
import { relayConditions, sourceConditions } from './source.ts';

/** All conditions, by the section of docs/guides/alarms.md that lists them. */
export const conditionSections = {
  relay: relayConditions,
  consumers: inboxConditions,
  others: [...sagaConditions, ...reconcilerConditions, ...consumerConditions, ...sourceConditions],
} as const;

/** All conditions. A topic may be made anew for its relay and for its consumers: two conditions have that one name. */
export const conditions: readonly Condition[] = Object.values(conditionSections).flat();

/** Finds a condition by its name; undefined for a name that none has. */
export function conditionOf(name: string): Condition | undefined {
  return conditions.find((one) => one.name === name);
}

/** All checks of a database that conditions name, in the order of their conditions. */
export const databaseChecks: readonly DatabaseCheck[] = [
  ...new Set(
    conditions.flatMap(({ found }) =>
      typeof found === 'string' ? [] : found.filter((check): check is DatabaseCheck => 'find' in check),
    ),
  ),
];
