/** Names that reach an object's prototype. No setting may have one, even where names are free. */
export const UNSAFE_NAMES: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Spells a path as an environment variable: `maxMs` → `MAX_MS`, `payment.charge` → `PAYMENT__CHARGE`. */
export function environmentName(prefix: string, path: readonly string[]): string {
  const spelled = (name: string): string =>
    name
      .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
      .replaceAll('-', '_')
      .replaceAll('.', '__')
      .toUpperCase();
  return [prefix, ...path.map(spelled)].join('__');
}

/** Spells the variable with the address of a database that is named. A dot is no separator here: `databases` has no groups. */
export function databaseVariable(name: string): string {
  return environmentName('CONVERGE', ['databases', name.replaceAll('.', '_')]);
}

/** Finds what has a free name, as code spells it: the variable of `shop_copy`, `shop-copy` and `shopCopy` is one. */
export function namedIn<T>(named: Readonly<Record<string, T>>, name: string): T | undefined {
  if (Object.hasOwn(named, name)) return named[name];
  return Object.entries(named).find(([other]) => loose(other) === loose(name))?.[1];
}

/** Reduces a name to the part that its spellings share: `MAX_MS`, `maxMs`, `max-ms`. */
export function loose(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** Converts `MAX_MS` to `maxMs`, for free names that no schema spells. */
export function camelCase(name: string): string {
  return name.toLowerCase().replace(/[_-]+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Finds the candidate with the fewest edits to `wanted`, if near enough to be a typo. */
export function nearest(wanted: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(wanted.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Computes the Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
