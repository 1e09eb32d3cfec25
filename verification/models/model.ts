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

/** A configuration. It differs from the model's others in the actions or the faults that it enables. */
export interface Run {
  readonly name: string;
  readonly constants?: Constants;
  /** Whether `make test` runs it. @default false */
  readonly quick?: boolean;
  /** The invariant on which it has to fail, and on no other. @default it has to pass */
  readonly breaks?: string;
}

/** A control: without a guard of the design, as these constants say, the model breaks that invariant. */
export function control(name: string, breaks: string, constants: Constants, quick = false) {
  return { name, breaks, constants, quick };
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
  readonly configurations: readonly Run[];
  readonly controls: readonly (Run & Required<Pick<Run, 'constants' | 'breaks'>>)[];
}
