import type { Concerned, Role } from '../host/rights.ts';
import type { Fields, InputOf } from './fields.ts';
import type { Reads, Tables } from './reads.ts';

/** An act of an operator: the value from which its command, its form, its JSON route and its permission are made. */
export interface Act<F extends Fields = Fields> {
  /** The noun and the verb: `parked.retry`. */
  readonly name: string;
  /** The verb in words, for a button and a question: `Edit and retry`. */
  readonly title: string;
  /** What it does, in one line of a help: no capital, no full stop. */
  readonly summary: string;
  /** What became of the things: `retried`. */
  readonly did: string;
  /** The least role that may act. @default operator */
  readonly needs?: Role;
  readonly tables: Tables;
  readonly input: F;
  /** The most things that a command line acts on unless it says so: with `--yes` no operator reads its preview. @default no bound */
  readonly most?: { readonly unit: string; readonly initial: number };
  /** False where a command asks nothing: a later act takes it back, or its input is the confirmation. @default true */
  asks?(this: void, input: InputOf<F>): boolean;
  /** What is recorded where a command gives no reason. @default it must give one */
  readonly usualReason?: string;
  /** True where the preview looks into other services' databases. @default false */
  readonly looksElsewhere?: boolean;
  /** True where it needs the events that the user's modules declare. @default false */
  readonly needsEvents?: boolean;
  /** True where it needs the sagas that the user's modules declare. @default false */
  readonly needsSagas?: boolean;
  /** Refuses an input that lacks what a form asks for, before anything is read. @default nothing is looked at */
  check?(input: InputOf<F>): void;
  /** What it concerns: people act in their areas alone. `*` = any that the input does not name. */
  concerns(reads: Reads, input: InputOf<F>): Promise<Concerned>;
  /** Reads what it would touch, and changes nothing. */
  preview(reads: Reads, input: InputOf<F>): Promise<Preview>;
  /** Acts, by functions of the owner that leave the audit row in their transaction. */
  run(reads: Reads, input: InputOf<F>, acting: Acting): Promise<Outcome>;
}

export const act = <const F extends Fields>(declared: Act<F>): Act => declared;

/** What an act would do. */
export interface Preview {
  /** The number of things that it would change now. */
  readonly eligible: number;
  /** What they are: `events of 2 keys`. */
  readonly unit: string;
  /** The others that match, and why they stay as they are. A reason without any is left out. */
  readonly others: readonly { readonly count: number; readonly why: string }[];
  /** What happens to the eligible ones, in one or two sentences. */
  readonly effect: string;
  /** The code of the refusal where nothing is eligible and something matches. */
  readonly refusal: string;
  /** Fields without which some are left out: a page shows each as a link to another preview. @default none */
  readonly consents?: readonly Consent[];
  /** What the form has in fields where nothing is given. @default what the fields suggest */
  readonly suggested?: Readonly<Record<string, number>>;
  /** What was seen of the things, for an act that refuses later changes of them. @default none is compared */
  readonly seen?: string;
  /** False where a command asks nothing about these things. @default as the act says */
  readonly asks?: boolean;
  /** What a field of the form may be, where the things decide it; none = the form leaves it out. */
  readonly choices?: Readonly<Record<string, readonly string[]>>;
  /** Remarks, such as the last act on a thing. @default none */
  readonly notes?: readonly string[];
  /** A payload that the act replaces: a surface shows as much of it as its user may see. */
  readonly payload?: { readonly label: string; readonly bytes: Buffer | null };
  /** Reads the things one by one, for a dry run. */
  readonly things: () => Promise<Things>;
}

/** The value of a field by which an operator includes what a preview leaves out. */
export interface Consent {
  readonly field: string;
  readonly value: string;
  readonly label: string;
}

export interface Things {
  /** They as a value, for scripts. */
  readonly rows: unknown;
  readonly lines: readonly string[];
}

/** The circumstances of an act. */
export interface Acting {
  readonly by: string;
  readonly reason: string;
  /** The number of the preview that the operator saw; undefined = none was shown. */
  readonly expected: number | undefined;
  /** What the preview saw; undefined = the things are acted on as they are now. */
  readonly seen: string | undefined;
  /** Reports how many of how many things are done, and what it waits for. */
  readonly report: (done: number, total?: number, note?: string) => void;
  /** Aborts when the operator stops the act: it ends between two of its things. */
  readonly signal: AbortSignal;
}

/** What an act did. */
export interface Outcome {
  /** In one sentence. */
  readonly text: string;
  readonly changed: number;
  /** Why it left alone what it was to change, or ended before its last thing. @default none */
  readonly refused?: readonly string[];
  /** What became of each thing. @default the sentence alone */
  readonly lines?: readonly string[];
  /** The same as a value, for scripts. */
  readonly value: unknown;
}
