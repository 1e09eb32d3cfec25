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
  const waiting: (() => void)[] = [];
  let running = 0;
  let failure: { readonly error: unknown } | undefined;
  return async (fn) => {
    if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      if (failure !== undefined) throw failure.error;
      return await fn();
    } catch (error) {
      failure ??= { error };
      throw error;
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
