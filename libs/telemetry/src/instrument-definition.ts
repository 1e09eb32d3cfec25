/**
 * The definition of an instrument.
 * `duration` is a histogram and `age` a gauge; both take milliseconds (`recordMs`) and report seconds, the base unit.
 * Label values are bounded: topic, consumer, type, outcome, never a key or an id.
 */
export interface InstrumentDefinition {
  readonly kind: 'counter' | 'gauge' | 'histogram' | 'duration' | 'age';
  readonly name: string;
  /** The unit in UCUM; durations and ages are always in seconds. */
  readonly unit?: string;
  readonly description: string;
}

export const counter = (name: string, unit: string, description: string) =>
  ({ kind: 'counter', name, unit, description }) as const;
export const gauge = (name: string, unit: string, description: string) =>
  ({ kind: 'gauge', name, unit, description }) as const;
export const histogram = (name: string, unit: string, description: string) =>
  ({ kind: 'histogram', name, unit, description }) as const;
export const duration = (name: string, description: string) =>
  ({ kind: 'duration', name, description }) as const;
export const age = (name: string, description: string) => ({ kind: 'age', name, description }) as const;
