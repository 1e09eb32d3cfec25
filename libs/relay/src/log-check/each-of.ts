/** Runs `fn` over all items, at most `atOnce` at a time; results in the order of the items. The first rejection ends it. */
export async function eachOf<T, R>(
  items: readonly T[],
  atOnce: number,
  fn: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const waiting = items.entries();
  const walk = async (): Promise<void> => {
    for (const [at, item] of waiting) results[at] = await fn(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, walk));
  return results;
}
