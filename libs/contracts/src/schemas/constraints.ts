import type { Breaks, Incompatibility, Place } from './place.ts';

/** Lower bounds of a value: a higher number is stricter. */
const LOWER = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties', 'minContains'];
/** Upper bounds of a value: a lower number is stricter. */
const UPPER = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties', 'maxContains'];
/** Annotations, which do not affect validity. */
const NOTES = [
  '$schema',
  '$id',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  '$comment',
  'id',
];
/** Keywords of structure, compared in other files. */
const STRUCTURE = [
  'type',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'prefixItems',
  'anyOf',
  'oneOf',
  '$ref',
  '$defs',
  'definitions',
];
const HANDLED = new Set([...LOWER, ...UPPER, ...NOTES, ...STRUCTURE, 'enum', 'const']);

/** Compares the keywords of a single value: bounds, enums, constants, and keywords that only compare as a whole. */
export function constraintChanges(place: Place): readonly Incompatibility[] {
  const names = new Set([...Object.keys(place.before), ...Object.keys(place.after)]);
  const others = [...names].filter((name) => !HANDLED.has(name));
  return [
    ...LOWER.flatMap((name) => bound(place, name, 1)),
    ...UPPER.flatMap((name) => bound(place, name, -1)),
    ...values(place),
    ...others.flatMap((name) => whole(place, name)),
  ];
}

function bound(place: Place, name: string, direction: 1 | -1): readonly Incompatibility[] {
  const [old, now] = [place.before[name], place.after[name]];
  if (old === now) return [];
  const tighter = old === undefined || (now !== undefined && (Number(now) - Number(old)) * direction > 0);
  return [change(place, tighter ? 'old_events' : 'old_readers', name, old, now)];
}

function values(place: Place): readonly Incompatibility[] {
  const [old, now] = [valuesOf(place.before), valuesOf(place.after)];
  if (old === undefined && now === undefined) return [];
  if (old === undefined) return [change(place, 'old_events', 'enum', undefined, now)];
  if (now === undefined) return [change(place, 'old_readers', 'enum', old, undefined)];
  const text = (list: readonly unknown[]): string => list.map((one) => JSON.stringify(one)).join(', ');
  const lost = old.filter((one) => !now.includes(one));
  const gained = now.filter((one) => !old.includes(one));
  const { path } = place;
  return [
    ...(lost.length === 0
      ? []
      : [{ path, breaks: 'old_events', reason: `values were removed: ${text(lost)}` } as const]),
    ...(gained.length === 0
      ? []
      : [
          {
            path,
            breaks: 'old_readers',
            reason: `values were added that old readers refuse: ${text(gained)}`,
          } as const,
        ]),
  ];
}

function valuesOf(schema: Place['before']): readonly unknown[] | undefined {
  if ('const' in schema) return [schema['const']];
  return Array.isArray(schema['enum']) ? (schema['enum'] as unknown[]) : undefined;
}

/** Compares `pattern`, `format` and unknown keywords: added is stricter, removed is looser, changed may be both. */
function whole(place: Place, name: string): readonly Incompatibility[] {
  const [old, now] = [place.before[name], place.after[name]];
  if (JSON.stringify(old) === JSON.stringify(now)) return [];
  const breaks: Breaks = old === undefined ? 'old_events' : now === undefined ? 'old_readers' : 'both';
  return [change(place, breaks, name, old, now)];
}

function change({ path }: Place, breaks: Breaks, name: string, old: unknown, now: unknown): Incompatibility {
  return { path, breaks, reason: `${name} ${shown(old)} became ${shown(now)}` };
}

function shown(value: unknown): string {
  const text = value === undefined ? '(none)' : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
