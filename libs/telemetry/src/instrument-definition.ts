import type { LabelName } from './attributes.ts';

/**
 * The definition of an instrument.
 * `duration` is a histogram and `age` a gauge; both take milliseconds (`recordMs`) and report seconds, the base unit.
 */
export interface InstrumentDefinition {
  readonly kind: 'counter' | 'gauge' | 'histogram' | 'duration' | 'age';
  readonly name: string;
  /** The unit in UCUM; durations and ages are always in seconds. */
  readonly unit?: string;
  /** The labels that a recording may have: topic, consumer, outcome, never a key or an id. */
  readonly labels: readonly LabelName[];
  readonly description: string;
  /** `long`: the buckets of a duration reach from a tenth of a second to a day. @default up to a minute */
  readonly bounds?: 'long';
}

type Labels = readonly LabelName[];

export const counter = <const L extends Labels>(name: string, unit: string, labels: L, description: string) =>
  ({ kind: 'counter', name, unit, labels, description }) as const;
export const gauge = <const L extends Labels>(name: string, unit: string, labels: L, description: string) =>
  ({ kind: 'gauge', name, unit, labels, description }) as const;
export const histogram = <const L extends Labels>(
  name: string,
  unit: string,
  labels: L,
  description: string,
) => ({ kind: 'histogram', name, unit, labels, description }) as const;
export const duration = <const L extends Labels>(name: string, labels: L, description: string) =>
  ({ kind: 'duration', name, labels, description }) as const;
/** A duration from a failure to its end. */
export const recovery = <const L extends Labels>(name: string, labels: L, description: string) =>
  ({ kind: 'duration', name, labels, description, bounds: 'long' }) as const;
export const age = <const L extends Labels>(name: string, labels: L, description: string) =>
  ({ kind: 'age', name, labels, description }) as const;
