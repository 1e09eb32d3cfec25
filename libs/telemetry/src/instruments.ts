import { metrics, type Counter, type Gauge, type Histogram, type Meter } from '@opentelemetry/api';
import { instrumentDefinitions, type InstrumentDefinition, type Labels, SCOPE } from './names.ts';

type Definitions = typeof instrumentDefinitions;
type LabelsOf<Key extends keyof Definitions> = Labels<Definitions[Key]['labels'][number]>;

/** An instrument that takes milliseconds and reports seconds. */
export interface TimeInstrument<L extends Labels = Labels> {
  recordMs(ms: number, labels?: L): void;
}

/** The kinds of instruments, by the labels that they take. */
interface Kinds<L extends Labels> {
  readonly counter: Pick<Counter<L>, 'add'>;
  readonly gauge: Pick<Gauge<L>, 'record'>;
  readonly histogram: Pick<Histogram<L>, 'record'>;
  readonly duration: TimeInstrument<L>;
  readonly age: TimeInstrument<L>;
}

export type Instruments = {
  readonly [Key in keyof Definitions]: Kinds<LabelsOf<Key>>[Definitions[Key]['kind']];
};

// Histogram bounds in seconds, from 0.5 ms to a minute: a tick takes about 1 ms, a slice tens of ms, a repair seconds.
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
// From a tenth of a second to a day, for what fails until a person acts.
const LONG = [0.1, 0.5, 1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 300, 600, 1_800, 3_600, 14_400, 86_400];
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

function createInstrument(
  meter: Meter,
  definition: InstrumentDefinition,
): Kinds<Labels>[keyof Kinds<Labels>] {
  const { kind, name, description, unit = '1', bounds } = definition;
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
          advice: { explicitBucketBoundaries: bounds === 'long' ? LONG : SECONDS },
        }),
      );
    case 'age':
      return inSeconds(meter.createGauge(name, { description, unit: 's' }));
  }
}

function inSeconds(instrument: Histogram | Gauge): TimeInstrument {
  return { recordMs: (ms, attributes) => instrument.record(ms / 1_000, attributes) };
}
