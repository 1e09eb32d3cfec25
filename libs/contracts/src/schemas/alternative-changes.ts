import type { JsonSchema } from './json-schema.ts';
import {
  placeBelow,
  type Incompatibility,
  listOf,
  type Place,
  propertiesOf,
  same,
  schemaOf,
} from './place.ts';

export function hasAlternatives(schema: JsonSchema): boolean {
  return 'anyOf' in schema || 'oneOf' in schema;
}

function alternativesOf(schema: JsonSchema): readonly JsonSchema[] {
  return hasAlternatives(schema) ? [...listOf(schema['anyOf']), ...listOf(schema['oneOf'])] : [schema];
}

/**
 * Compares the alternatives of a union, each old one with its new counterpart. The counterpart is the equal
 * alternative, else the alternative with the same tag, else the only one left over on each side. An alternative without
 * counterpart was added or removed. Equal texts are compared too: their references may have changed.
 */
export function alternativeChanges(place: Place): readonly Incompatibility[] {
  const [old, now] = [alternativesOf(place.before), alternativesOf(place.after)];
  const lost = old.filter((one) => !now.some((other) => same(one, other)));
  const gained = now.filter((one) => !old.some((other) => same(one, other)));
  const single = lost.length === 1 && gained.length === 1;
  const partnerOf = (one: JsonSchema): JsonSchema | undefined =>
    now.find((other) => same(one, other)) ??
    (single ? gained[0] : gained.find((other) => sameTag(one, other)));
  const partners = new Set(old.map(partnerOf));
  return [
    ...old.flatMap((one): readonly Incompatibility[] => {
      const partner = partnerOf(one);
      if (partner !== undefined) return place.compare(placeBelow(place, '(one of)', one, partner));
      return [
        { path: place.path, breaks: 'old_events', reason: `the alternative ${brief(one)} was removed` },
      ];
    }),
    ...gained
      .filter((one) => !partners.has(one))
      .map((one): Incompatibility => {
        return { path: place.path, breaks: 'old_readers', reason: `the alternative ${brief(one)} was added` };
      }),
  ];
}

/** True for objects of a discriminated union with the same constant in the same property. */
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
