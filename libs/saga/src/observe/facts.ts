import type { Certainty } from '@convergekit/core';

/** An event that told something. */
export interface Told {
  readonly event: string;
  /** ISO 8601, the event's own time. */
  readonly at: string;
}

export interface ToldFailure extends Told {
  /** A declared failure event says `not_applied`. */
  readonly certainty: Certainty;
  readonly code: string;
  readonly reason: string;
}

/** That a step waits for a person, or was released by one. `seq`: its place among all that happened to the step. */
export interface ToldStuck extends Told {
  readonly seq: number;
  readonly is: 'stuck' | 'released';
  readonly op: 'apply' | 'compensate';
  readonly code: string;
  readonly reason: string;
}

/** What was told of one step. */
export interface StepFacts {
  readonly success?: Told;
  readonly failure?: ToldFailure;
  readonly undone?: Told;
  /** The last that was told of that. */
  readonly stuck?: ToldStuck;
}

/** What was told of one instance. A set: the order in which it was told is no part of it. */
export interface Facts {
  readonly start?: Told;
  readonly steps: Readonly<Record<string, StepFacts>>;
}

export type Fact =
  | { readonly kind: 'start'; readonly told: Told }
  | { readonly kind: 'success' | 'undone'; readonly step: string; readonly told: Told }
  | { readonly kind: 'failure'; readonly step: string; readonly told: ToldFailure }
  | { readonly kind: 'stuck'; readonly step: string; readonly told: ToldStuck };

export const NO_FACTS: Facts = Object.freeze({ steps: Object.freeze({}) });

/** Pure: the facts with one more. Commutative and idempotent. */
export function withFact(facts: Facts, fact: Fact): Facts {
  if (fact.kind === 'start') return { ...facts, start: earlier(facts.start, fact.told) };
  const known = facts.steps[fact.step] ?? {};
  return { ...facts, steps: { ...facts.steps, [fact.step]: { ...known, ...added(known, fact) } } };
}

function added(known: StepFacts, fact: Exclude<Fact, { kind: 'start' }>): StepFacts {
  switch (fact.kind) {
    case 'failure':
      return { failure: surer(known.failure, fact.told) };
    case 'stuck':
      return {
        stuck: known.stuck === undefined || fact.told.seq > known.stuck.seq ? fact.told : known.stuck,
      };
    case 'success':
    case 'undone':
      return { [fact.kind]: earlier(known[fact.kind], fact.told) };
  }
}

/** All that was told, in the order of its time. */
export function toldOf({ start, steps }: Facts): readonly Told[] {
  const all = Object.values(steps).flatMap(({ success, failure, undone }) => [success, failure, undone]);
  return [start, ...all].filter((told) => told !== undefined).toSorted(inTime);
}

/** The first failure that was told. */
export function firstFailure({ steps }: Facts): Told | undefined {
  return Object.values(steps)
    .flatMap(({ failure }) => failure ?? [])
    .toSorted(inTime)[0];
}

function earlier<T extends Told>(known: T | undefined, told: T): T {
  return known === undefined || inTime(told, known) < 0 ? told : known;
}

/** What is certain counts, whenever it was told: it resolves what nobody knew. */
function surer(known: ToldFailure | undefined, told: ToldFailure): ToldFailure {
  if (known === undefined || known.certainty === told.certainty) return earlier(known, told);
  const rank: Readonly<Record<Certainty, number>> = { unknown: 0, not_applied: 1, applied: 2 };
  return rank[told.certainty] > rank[known.certainty] ? told : known;
}

function inTime(a: Told, b: Told): number {
  if (a.at !== b.at) return a.at < b.at ? -1 : 1;
  return a.event < b.event ? -1 : Number(a.event > b.event);
}
