import type { JsonSchema } from './json-schema.ts';
import { below, type Incompatibility, listOf, type Place, propertiesOf, same, schemaOf } from './place.ts';

export function hasAlternatives(schema: JsonSchema): boolean {
  return 'anyOf' in schema || 'oneOf' in schema;
}

function alternativesOf(schema: JsonSchema): readonly JsonSchema[] {
  return hasAlternatives(schema) ? [...listOf(schema['anyOf']), ...listOf(schema['oneOf'])] : [schema];
}

/**
 * Alternatives without an equal on the other side: those with the same tag, or the only one left on each side, are
 * taken to be one that changed. A schema without alternatives is one.
 */
export function alternativeChanges(place: Place): readonly Incompatibility[] {
  const [old, now] = [alternativesOf(place.before), alternativesOf(place.after)];
  const lost = old.filter((one) => !now.some((other) => same(one, other)));
  const gained = now.filter((one) => !old.some((other) => same(one, other)));
  const single = lost.length === 1 && gained.length === 1;
  const twinOf = (one: JsonSchema): JsonSchema | undefined =>
    single ? gained[0] : gained.find((other) => sameTag(one, other));
  const twins = new Set(lost.map(twinOf));
  return [
    ...lost.flatMap((one): readonly Incompatibility[] => {
      const twin = twinOf(one);
      if (twin !== undefined) return place.compare(below(place, '(one of)', one, twin));
      return [
        { path: place.path, breaks: 'old_events', reason: `the alternative ${brief(one)} was removed` },
      ];
    }),
    ...gained
      .filter((one) => !twins.has(one))
      .map((one): Incompatibility => {
        return { path: place.path, breaks: 'old_readers', reason: `the alternative ${brief(one)} was added` };
      }),
  ];
}

/** Objects of a discriminated union: the same constant in the same property. */
function sameTag(one: JsonSchema, other: JsonSchema): boolean {
  return Object.entries(propertiesOf(one)).some(([name, schema]) => {
    const tag = schemaOf(schema)['const'];
    return tag !== undefined && tag === schemaOf(propertiesOf(other)[name])['const'];
  });
}

function brief(schema: JsonSchema): string {
  const text = JSON.stringify(schema);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
