/** The page of an event: everything that is known of it. Pure. */
export const eventPath = (id: string): string => `/events/${encodeURIComponent(id)}`;

/** The page of a parked event. Pure. */
export const parkedPath = ({ database, id }: { readonly database: string; readonly id: string }): string =>
  `/parked/${encodeURIComponent(database)}/${id}`;

/** The page of a saga's instance. Pure. */
export const sagaPath = (instance: string): string => `/sagas/${encodeURIComponent(instance)}`;

/** The page of a reconciler's divergent keys, or of all reconcilers. Pure. */
export function driftPath(database: string, reconciler: string | undefined): string {
  if (reconciler === undefined) return '/drift';
  return `/drift/${encodeURIComponent(database)}/${encodeURIComponent(reconciler)}`;
}
