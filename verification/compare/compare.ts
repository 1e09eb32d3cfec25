/** What was observed of a side: normalised lines, by section and by what they are about. */
export type Observation = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

/** A difference between two sides, in one section about one thing. */
export interface Difference {
  readonly section: string;
  readonly about: string;
  /** Lines that only this side has. */
  readonly old: readonly string[];
  readonly new: readonly string[];
  /** True where both have the same lines in another order. */
  readonly order: boolean;
}

/** Compares two observations, line by line. Pure. */
export function differencesOf(old: Observation, present: Observation): readonly Difference[] {
  const found: Difference[] = [];
  for (const section of union(old, present))
    for (const about of union(old[section] ?? {}, present[section] ?? {})) {
      const [a, b] = [old[section]?.[about] ?? [], present[section]?.[about] ?? []];
      const [onlyOld, onlyNew] = [without(a, b), without(b, a)];
      const order = onlyOld.length + onlyNew.length === 0 && a.some((line, at) => line !== b[at]);
      if (order) found.push({ section, about, old: a, new: b, order });
      else if (onlyOld.length + onlyNew.length > 0)
        found.push({ section, about, old: onlyOld, new: onlyNew, order });
    }
  return found;
}

function union(a: object, b: object): readonly string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].toSorted();
}

/** The lines of one side that the other lacks, each as often as it lacks it. */
function without(lines: readonly string[], others: readonly string[]): readonly string[] {
  const left = [...others];
  return lines.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** Describes a difference in lines. Pure. */
export function differenceText({ section, about, old, new: present, order }: Difference): readonly string[] {
  const what = order ? 'the same lines in another order' : 'differs';
  return [
    `${section} of ${about}: ${what}`,
    ...old.map((line) => `    OLD  ${line}`),
    ...present.map((line) => `    NEW  ${line}`),
  ];
}
