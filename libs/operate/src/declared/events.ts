import type { EventDefinition } from '@convergekit/contracts';
import { exportsLike, type NamedBy } from '../host/modules.ts';

/** Imports modules and returns the definition of every event that they export. */
export function importEvents(
  modules: readonly string[],
  namedBy?: NamedBy,
): Promise<readonly EventDefinition[]> {
  return exportsLike(modules, isEvent, namedBy);
}

export function isEvent(value: unknown): value is EventDefinition {
  if (typeof value !== 'function') return false;
  const { type, version, topic, parse, schema } = value as Partial<EventDefinition>;
  return (
    typeof type === 'string' &&
    typeof version === 'number' &&
    typeof topic === 'string' &&
    typeof parse === 'function' &&
    schema !== undefined
  );
}
