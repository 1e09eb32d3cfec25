export type Outcome =
  | { readonly kind: 'passed' }
  | { readonly kind: 'violated'; readonly invariant: string }
  /** TLC could not check the model: a mistake in it, or not enough memory. */
  | { readonly kind: 'failed'; readonly why: string };

export interface Output {
  readonly outcome: Outcome;
  /** Distinct states, when TLC ended or found a violation. */
  readonly states: number;
  /** How many times each action was taken, by its name; empty without `-coverage`. */
  readonly taken: ReadonlyMap<string, number>;
}

// `<Send line 120, col 1 to line 120, col 7 of module Ticks>: 347:17972`: distinct states, and states in all. An action that
// begins with LET names a second place.
const ACTION = /^<(\w+) line [^>]*>: \d+:(\d+)$/gm;
const STATES = /^[\d,]+ states generated, ([\d,]+) distinct states found/m;

/** Parses what TLC prints. Pure. */
export function parseOutput(text: string): Output {
  const states = STATES.exec(text)?.[1]?.replaceAll(',', '') ?? '0';
  return { outcome: outcomeOf(text), states: Number(states), taken: takenIn(text) };
}

function outcomeOf(text: string): Outcome {
  const invariant = /Invariant (\w+) is violated/.exec(text)?.[1];
  if (invariant !== undefined) return { kind: 'violated', invariant };
  if (text.includes('Model checking completed. No error has been found.')) return { kind: 'passed' };
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const from = lines.findIndex((line) => /^(?:Error|\*\*\* Errors|Semantic errors)/.test(line));
  return { kind: 'failed', why: (from < 0 ? lines.slice(-5) : lines.slice(from, from + 8)).join('\n') };
}

/** The last report on each action: TLC prints one every minute. */
function takenIn(text: string): ReadonlyMap<string, number> {
  const taken = new Map<string, number>();
  for (const [, name = '', count] of text.matchAll(ACTION))
    if (name !== 'Init' && name !== 'Next') taken.set(name, Number(count));
  return taken;
}

/** The actions that no configuration took. Pure. */
export function neverTaken(outputs: readonly Pick<Output, 'taken'>[]): readonly string[] {
  const actions = new Set(outputs.flatMap(({ taken }) => [...taken.keys()]));
  return [...actions].filter((name) => outputs.every(({ taken }) => (taken.get(name) ?? 0) === 0));
}
