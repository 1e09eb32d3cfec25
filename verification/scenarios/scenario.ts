import type { Outcome } from '../demo/demo.ts';
import type { Scene } from '../demo/faults/script.ts';
import type { World } from '../demo/world.ts';

/** What customers do: an open loop of orders. */
export interface LoadPattern {
  readonly perSecond: number;
  readonly seconds: number;
}

/** A claim over the state of the shop at the end, besides those of the audit. */
export interface Invariant {
  readonly claim: string;
  readonly check: (run: EndedRun) => Promise<InvariantResult>;
}

export interface InvariantResult {
  /** The number of checked things: a check over nothing proves nothing. */
  readonly looked: number;
  /** What is wrong, a sentence each. */
  readonly wrong: readonly string[];
}

export interface EndedRun {
  readonly world: World;
  readonly outcome: Outcome;
}

/** The parts of a run that a scenario may use while it goes on. */
export interface Stage {
  readonly world: World;
  /** Adds figures to the report, such as the time until all was repaired. */
  readonly figure: (name: string, value: string) => void;
  /** Announces keys that drift, so that the end of the run waits for their repair. */
  readonly drifted: (keys: number) => void;
  readonly signal: AbortSignal;
}

/** One run: what happens, by its share of the load's time, and what must hold at the end. */
export interface Play {
  readonly scenes: readonly Scene[];
  readonly invariants: readonly Invariant[];
}

/** One situation of a shop: its load, what happens in it, what is expected, and what must hold afterwards. */
export interface Scenario {
  /** Lower-case letters and dashes. */
  readonly name: string;
  readonly title: string;
  readonly load: LoadPattern;
  /** What a reader should expect to see, a sentence each. */
  readonly expectation: readonly string[];
  /** Prepares one run. */
  play(stage: Stage): Play;
}
