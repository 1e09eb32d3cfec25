import type { AttentionItem } from '@convergekit/cli/operate';
import { withQuery } from './layout/parts.ts';

/** The page of an event: everything that is known of it. Pure. */
export const eventPath = (id: string): string => `/events/${encodeURIComponent(id)}`;

/** The page of a saga's instance. Pure. */
export const sagaPath = (instance: string): string => `/sagas/${encodeURIComponent(instance)}`;

/** The page of a reconciler's divergent keys, or of all reconcilers. Pure. */
export function driftPath(database: string, reconciler: string | undefined): string {
  if (reconciler === undefined) return '/drift';
  return `/drift/${encodeURIComponent(database)}/${encodeURIComponent(reconciler)}`;
}

/** The page on which an operator acts on an item; undefined where only a command does. Pure. */
export function placeOf({ kind, about }: AttentionItem, database: string): string | undefined {
  const { consumer, category, code, reconciler, id, name } = about;
  switch (kind) {
    case 'saga':
      return id === undefined ? undefined : sagaPath(id);
    case 'saga_paused':
      // The line that there are more is about none of them.
      return name === undefined ? undefined : withQuery('/sagas/resume', { saga: name, instance: id });
    case 'dead_letters':
    case 'parked':
      return withQuery('/failures', { database, consumer, category, code });
    case 'consumer_paused':
      return withQuery('/consumers/resume', { database, consumer });
    case 'partition':
    case 'consumer_gone':
    case 'gap':
    case 'stalled':
    case 'relay':
      return withQuery('/consumers', { database, consumer });
    case 'reconciler':
      return driftPath(database, reconciler);
    case 'call':
    case 'workflow':
    case 'worker':
    case 'breaker':
    case 'migrations':
      return undefined;
  }
}
