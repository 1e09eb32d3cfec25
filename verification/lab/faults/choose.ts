/** Chooses what a fault hits: mostly one of these, sometimes all. */
export function chosen<T>(all: readonly T[], pick: number): readonly T[] {
  const one = all[Math.floor((pick / 0.8) * all.length)];
  return pick < 0.8 && one !== undefined ? [one] : all;
}

export function namesOf(all: readonly { readonly name: string }[]): string {
  return all.map(({ name }) => name).join(' and ');
}

/** Chooses one of these by a number in [0, 1). */
export function oneOf<T>(all: readonly T[], pick: number): T | undefined {
  return all[Math.floor(pick * all.length)];
}
