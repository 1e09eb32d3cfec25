import type { Certainty } from '@convergekit/core';

/** The event that states a fact. */
export interface Evidence {
  readonly event: string;
  /** ISO 8601, the event's own time. */
  readonly at: string;
}

export interface FailureEvidence extends Evidence {
  /** A declared failure event says `not_applied`. */
  readonly certainty: Certainty;
  readonly code: string;
  readonly reason: string;
}

/** The evidence that a step waits for an operator, or was released. `seq`: among all events of the step. */
export interface StuckEvidence extends Evidence {
  readonly seq: number;
  readonly is: 'stuck' | 'released';
  readonly op: 'apply' | 'compensate';
  readonly code: string;
  readonly reason: string;
}

/** The facts of one step. */
export interface StepFacts {
  readonly success?: Evidence;
  readonly failure?: FailureEvidence;
  readonly undone?: Evidence;
  /** The latest stuck event. */
  readonly stuck?: StuckEvidence;
}

/** The facts of one instance. A set: it does not depend on the order of the events. */
export interface Facts {
  readonly start?: Evidence;
  readonly steps: Readonly<Record<string, StepFacts>>;
}

export type Fact =
  | { readonly kind: 'start'; readonly evidence: Evidence }
  | { readonly kind: 'success' | 'undone'; readonly step: string; readonly evidence: Evidence }
  | { readonly kind: 'failure'; readonly step: string; readonly evidence: FailureEvidence }
  | { readonly kind: 'stuck'; readonly step: string; readonly evidence: StuckEvidence };

export const NO_FACTS: Facts = Object.freeze({ steps: Object.freeze({}) });

/** Pure: the facts with one more. Commutative and idempotent. */
export function withFact(facts: Facts, fact: Fact): Facts {
  if (fact.kind === 'start') return { ...facts, start: earlier(facts.start, fact.evidence) };
  const known = facts.steps[fact.step] ?? {};
  return { ...facts, steps: { ...facts.steps, [fact.step]: { ...known, ...added(known, fact) } } };
}

function added(known: StepFacts, fact: Exclude<Fact, { kind: 'start' }>): StepFacts {
  switch (fact.kind) {
    case 'failure':
      return { failure: moreCertain(known.failure, fact.evidence) };
    case 'stuck':
      return {
        stuck: known.stuck === undefined || fact.evidence.seq > known.stuck.seq ? fact.evidence : known.stuck,
      };
    case 'success':
    case 'undone':
      return { [fact.kind]: earlier(known[fact.kind], fact.evidence) };
  }
}

/** Pure: the evidence of all facts, in the order of its time. */
export function evidenceInOrder({ start, steps }: Facts): readonly Evidence[] {
  const all = Object.values(steps).flatMap(({ success, failure, undone }) => [success, failure, undone]);
  return [start, ...all].filter((evidence) => evidence !== undefined).toSorted(inTime);
}

/** Returns the earliest failure. */
export function firstFailure({ steps }: Facts): Evidence | undefined {
  return Object.values(steps)
    .flatMap(({ failure }) => failure ?? [])
    .toSorted(inTime)[0];
}

function earlier<T extends Evidence>(known: T | undefined, evidence: T): T {
  return known === undefined || inTime(evidence, known) < 0 ? evidence : known;
}

/** Pure: a certain failure replaces one of unknown certainty, in whichever order they come. */
function moreCertain(known: FailureEvidence | undefined, evidence: FailureEvidence): FailureEvidence {
  if (known === undefined || known.certainty === evidence.certainty) return earlier(known, evidence);
  const rank: Readonly<Record<Certainty, number>> = { unknown: 0, not_applied: 1, applied: 2 };
  return rank[evidence.certainty] > rank[known.certainty] ? evidence : known;
}

function inTime(a: Evidence, b: Evidence): number {
  if (a.at !== b.at) return a.at < b.at ? -1 : 1;
  return a.event < b.event ? -1 : Number(a.event > b.event);
}
