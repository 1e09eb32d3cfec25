import {
  metrics,
  type Attributes,
  type Counter,
  type Gauge,
  type Histogram,
  type Meter,
} from '@opentelemetry/api';
import { instrumentDefinitions, SCOPE, type InstrumentDefinition } from './names.ts';

/** An instrument that takes milliseconds and reports seconds. */
export interface TimeInstrument {
  recordMs(ms: number, attributes?: Attributes): void;
}

interface Kinds {
  readonly counter: Counter;
  readonly gauge: Gauge;
  readonly histogram: Histogram;
  readonly duration: TimeInstrument;
  readonly age: TimeInstrument;
}

export type Instruments = {
  readonly [Name in keyof typeof instrumentDefinitions]: Kinds[(typeof instrumentDefinitions)[Name]['kind']];
};

// Histogram bounds in seconds, from 0.5 ms to a minute: a tick takes about 1 ms, a slice tens of ms, a repair seconds.
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const SIZES = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

let made: { readonly provider: unknown; readonly instruments: Instruments } | undefined;

/**
 * Returns the instruments of the global meter provider. They cost almost nothing without an SDK. A provider that is
 * registered later is found at the next call (the API's meters do not follow it by themselves), so call this for each
 * recording.
 */
export function instruments(): Instruments {
  const provider = metrics.getMeterProvider();
  if (made?.provider !== provider)
    made = { provider, instruments: createInstruments(provider.getMeter(SCOPE)) };
  return made.instruments;
}

function createInstruments(meter: Meter): Instruments {
  const entries = Object.entries(instrumentDefinitions).map(([key, definition]) => [
    key,
    createInstrument(meter, definition),
  ]);
  return Object.freeze(Object.fromEntries(entries)) as Instruments;
}

function createInstrument(meter: Meter, definition: InstrumentDefinition): Kinds[keyof Kinds] {
  const { kind, name, description, unit = '1' } = definition;
  switch (kind) {
    case 'counter':
      return meter.createCounter(name, { description, unit });
    case 'gauge':
      return meter.createGauge(name, { description, unit });
    case 'histogram':
      return meter.createHistogram(name, { description, unit, advice: { explicitBucketBoundaries: SIZES } });
    case 'duration':
      return inSeconds(
        meter.createHistogram(name, {
          description,
          unit: 's',
          advice: { explicitBucketBoundaries: SECONDS },
        }),
      );
    case 'age':
      return inSeconds(meter.createGauge(name, { description, unit: 's' }));
  }
}

function inSeconds(instrument: Histogram | Gauge): TimeInstrument {
  return { recordMs: (ms, attributes) => instrument.record(ms / 1_000, attributes) };
}
