import { alternativeChanges, hasAlternatives } from './alternative-changes.ts';
import { constraintChanges } from './constraints.ts';
import type { JsonSchema } from './json-schema.ts';
import { extraChanges, propertyChanges } from './object-changes.ts';
import { placeBelow, type Incompatibility, isSchema, listOf, type Place, schemaOf } from './place.ts';

/** Compares two JSON Schemas of one version. Only new optional properties of open objects are compatible. */
export function incompatibilities(before: JsonSchema, after: JsonSchema): readonly Incompatibility[] {
  return compare({ before, after, path: '', roots: { before, after }, seen: [], compare });
}

function compare(raw: Place): readonly Incompatibility[] {
  const place = resolveReferences(raw);
  if (place === undefined) return [];
  if (hasAlternatives(place.before) || hasAlternatives(place.after)) return alternativeChanges(place);
  const typeChanges = typesOf(place);
  // A changed type breaks both ways; deeper differences add nothing to the report.
  if (typeChanges.some(({ breaks }) => breaks === 'both')) return typeChanges;
  return [
    ...typeChanges,
    ...constraintChanges(place),
    ...propertyChanges(place),
    ...extraChanges(place),
    ...elements(place),
  ];
}

/** Follows local references. Returns undefined for a pair that was compared before. */
function resolveReferences(place: Place): Place | undefined {
  const [before, after] = [place.before['$ref'], place.after['$ref']];
  if (before === undefined && after === undefined) return place;
  const pair = `${String(before)} ${String(after)}`;
  if (place.seen.includes(pair)) return undefined;
  return {
    ...place,
    before: target(place.roots.before, place.before),
    after: target(place.roots.after, place.after),
    seen: [...place.seen, pair],
  };
}

function target(root: JsonSchema, schema: JsonSchema): JsonSchema {
  const ref = schema['$ref'];
  if (typeof ref !== 'string') return schema;
  const steps = ref
    .replace(/^#\/?/, '')
    .split('/')
    .filter((step) => step !== '');
  return steps.reduce((at, step) => schemaOf(at[step.replaceAll('~1', '/').replaceAll('~0', '~')]), root);
}

function typesOf({ before, after, path }: Place): readonly Incompatibility[] {
  const [old, now] = [typeNames(before), typeNames(after)];
  const lost = old.filter((one) => !covers(now, one));
  const gained = now.filter((one) => !covers(old, one));
  if (lost.length === 0 && gained.length === 0) return [];
  const reason = `type ${old.join(' | ') || 'any'} became ${now.join(' | ') || 'any'}`;
  const breaks =
    lost.length > 0 && gained.length > 0 ? 'both' : lost.length > 0 ? 'old_events' : 'old_readers';
  return [{ path, breaks, reason }];
}

/** Lists the types of a schema; no `type` means any. */
function typeNames(schema: JsonSchema): readonly string[] {
  const type = schema['type'];
  if (Array.isArray(type)) return type.map(String);
  return typeof type === 'string' ? [type] : ['any'];
}

function covers(types: readonly string[], type: string): boolean {
  return types.includes(type) || types.includes('any') || (type === 'integer' && types.includes('number'));
}

function elements(place: Place): readonly Incompatibility[] {
  const { before, after, path } = place;
  const items = isSchema(before['items']) && isSchema(after['items']);
  const first = items ? place.compare(placeBelow(place, '[]', before['items'], after['items'])) : [];
  const [old, now] = [listOf(before['prefixItems']), listOf(after['prefixItems'])];
  if (old.length !== now.length)
    return [
      ...first,
      { path, breaks: 'both', reason: `the tuple has ${now.length} elements, it had ${old.length}` },
    ];
  return [
    ...first,
    ...old.flatMap((one, index) => place.compare(placeBelow(place, `[${index}]`, one, now[index]))),
  ];
}
