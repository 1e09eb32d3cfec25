import { Bulkhead } from '@convergekit/resilience/engine';

/** The most concurrent requests to the broker. A driver may have fewer in flight; more would only queue there. */
export const AT_ONCE = 16;
/** The most partitions that are read at the same time: each has a fetch of a few megabytes in memory. */
export const READ_AT_ONCE = 8;

/** Runs `fn` over all items, at most `atOnce` at a time; results keep the items' order. The first rejection ends it. */
export async function eachOf<T, R>(
  items: readonly T[],
  atOnce: number,
  fn: (item: T) => Promise<R>,
): Promise<R[]> {
  const limited = atMost(atOnce);
  return Promise.all(items.map((item) => limited(() => fn(item))));
}

/**
 * Creates a runner of functions, at most `atOnce` at a time, in the order of the calls. After a rejection nothing more
 * begins.
 */
export function atMost(atOnce: number): <R>(fn: () => Promise<R>) => Promise<R> {
  const places = new Bulkhead('a request to the broker', { concurrent: atOnce, waiting: Infinity });
  const failed = new AbortController();
  return (fn) =>
    places.run(async () => {
      try {
        return await fn();
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    }, failed.signal);
}
