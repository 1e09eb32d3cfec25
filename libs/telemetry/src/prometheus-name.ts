import type { InstrumentDefinition } from './instrument-definition.ts';

/** Pure: adds the base unit to a name: `converge.outbox.age` in seconds is `converge.outbox.age_seconds`. */
export function withBaseUnit({ name, unit }: { readonly name: string; readonly unit: string }): string {
  return unit === 's' && !name.endsWith('_seconds') ? `${name}_seconds` : name;
}

/** Pure: the name of an instrument at `/metrics`. A histogram has `_bucket`, `_sum` and `_count` behind it. */
export function prometheusName({ kind, name, unit = '1' }: InstrumentDefinition): string {
  const seconds = kind === 'duration' || kind === 'age' ? 's' : unit;
  const flat = withBaseUnit({ name, unit: seconds }).replaceAll('.', '_');
  return kind === 'counter' ? `${flat}_total` : flat;
}

/** Pure: the names of all series of an instrument at `/metrics`. */
export function seriesNames(definition: InstrumentDefinition): readonly string[] {
  const name = prometheusName(definition);
  switch (definition.kind) {
    case 'histogram':
    case 'duration':
      return ['_bucket', '_sum', '_count'].map((suffix) => `${name}${suffix}`);
    case 'counter':
    case 'gauge':
    case 'age':
      return [name];
  }
}

/** Pure: the name of an attribute as a label: `converge_consumer`. */
export function prometheusLabel(attribute: string): string {
  return attribute.replaceAll('.', '_');
}
