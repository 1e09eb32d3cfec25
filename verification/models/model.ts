/** The value of a constant as TLC's configuration writes it. Numbers and truth values are written as they are, words are quoted. */
export type Constant =
  | number
  | boolean
  | string
  /** A set of model values, which stand for themselves. */
  | readonly string[]
  /** A set of numbers. */
  | readonly number[]
  /** One model value. */
  | { readonly value: string };

export type Constants = Readonly<Record<string, Constant>>;

interface Run {
  readonly name: string;
  readonly constants?: Constants;
  /** Whether `make test` runs it. @default false */
  readonly quick?: boolean;
}

/** A configuration that has to pass. It differs from the model's others in the actions or the faults that it enables. */
export interface Configuration extends Run {
  readonly breaks?: undefined;
}

/** A configuration without one guard of the design. It has to fail on its invariant, and on no other. */
export interface Control extends Run {
  readonly constants: Constants;
  readonly breaks: string;
}

/** A module of TLA+, and what TLC runs of it. */
export interface Model {
  /** The name of the module, and of its file. */
  readonly name: string;
  readonly says: string;
  /** The constants of every configuration, unless it has its own value. */
  readonly constants: Constants;
  /** Constants that select guards: "ok" unless a control takes the guard out. */
  readonly guards: readonly string[];
  readonly invariants: readonly string[];
  readonly configurations: readonly Configuration[];
  readonly controls: readonly Control[];
}
