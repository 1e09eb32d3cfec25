import {
  placeBelow,
  type Incompatibility,
  isSchema,
  join,
  type Place,
  propertiesOf,
  requires,
  same,
} from './place.ts';

/** Compares the properties of an object: added, removed, changed, required. */
export function propertyChanges(place: Place): readonly Incompatibility[] {
  const [old, now] = [propertiesOf(place.before), propertiesOf(place.after)];
  const kept = Object.keys(old).filter((name) => name in now);
  return [
    ...kept.flatMap((name) => place.compare(placeBelow(place, name, old[name], now[name]))),
    ...kept.flatMap((name) => requiredChange(place, name)),
    ...Object.keys(old).flatMap((name) => (name in now ? [] : removed(place, name))),
    ...Object.keys(now).flatMap((name) => (name in old ? [] : added(place, name))),
  ];
}

function requiredChange(place: Place, name: string): readonly Incompatibility[] {
  const [old, now] = [requires(place.before, name), requires(place.after, name)];
  if (old === now) return [];
  const path = join(place.path, name);
  return now
    ? [{ path, breaks: 'old_events', reason: 'it became required: events without it are in the log' }]
    : [{ path, breaks: 'old_readers', reason: 'it became optional: readers of the old schema require it' }];
}

function removed(place: Place, name: string): readonly Incompatibility[] {
  const path = join(place.path, name);
  const twin = Object.entries(propertiesOf(place.after)).find(
    ([other, schema]) =>
      !(other in propertiesOf(place.before)) && same(schema, propertiesOf(place.before)[name]),
  )?.[0];
  const renamed = twin === undefined ? '' : ` (renamed to ${twin}?)`;
  const changes: Incompatibility[] = [];
  if (requires(place.before, name))
    changes.push({
      path,
      breaks: 'old_readers',
      reason: `it was removed${renamed}: readers of the old schema require it`,
    });
  if (place.after['additionalProperties'] === false)
    changes.push({
      path,
      breaks: 'old_events',
      reason: `it was removed${renamed} from a strict object: events with it are in the log`,
    });
  return changes;
}

function added(place: Place, name: string): readonly Incompatibility[] {
  const path = join(place.path, name);
  const changes: Incompatibility[] = [];
  if (requires(place.after, name))
    changes.push({
      path,
      breaks: 'old_events',
      reason: 'it was added as required: events without it are in the log',
    });
  if (place.before['additionalProperties'] === false)
    changes.push({
      path,
      breaks: 'old_readers',
      reason: 'it was added to a strict object: readers of the old schema refuse it',
    });
  return changes;
}

/** Compares `additionalProperties`, as a schema (records) or as open and closed. */
export function extraChanges(place: Place): readonly Incompatibility[] {
  const [old, now] = [place.before['additionalProperties'], place.after['additionalProperties']];
  if (isSchema(old) && isSchema(now)) return place.compare(placeBelow(place, '*', old, now));
  if (same(old, now)) return [];
  if (now === false || isSchema(now))
    return [{ path: place.path, breaks: 'old_events', reason: 'other properties are now restricted' }];
  return [{ path: place.path, breaks: 'old_readers', reason: 'other properties are no longer restricted' }];
}
