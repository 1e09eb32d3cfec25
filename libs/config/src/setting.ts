import type { z } from 'zod';
import type { ConfigIssue } from './error.ts';
import type { Layer, Setting } from './layer.ts';
import { nearest, UNSAFE_NAMES } from './names.ts';
import { isSecretPlace, formatPath } from './secrets.ts';
import { acceptsNull, nodeOf, placesOf } from './schema.ts';

/** Flattens a tree (YAML, flags, JSON in a variable) into settings; unknown names are issues. */
export function settingsOf(schema: z.ZodType, value: unknown, at: Omit<Setting, 'value'>): Layer {
  const node = nodeOf(schema);
  if (value === undefined || (value === null && !acceptsNull(schema))) return { settings: [], issues: [] };
  if (node.kind !== 'object' && node.kind !== 'record') return { settings: [{ ...at, value }], issues: [] };
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { settings: [], issues: value === null ? [] : [notAnObject(at, value)] };
  const layers = Object.entries(value as Record<string, unknown>).map(([name, inner]): Layer => {
    const child = node.kind === 'record' ? node.value : node.children.get(name);
    const here = { ...at, path: [...at.path, name] };
    if (child === undefined || UNSAFE_NAMES.has(name))
      return { settings: [], issues: [unknownName(schema, here)] };
    return settingsOf(child, inner, here);
  });
  // An empty object marks the group as present, which matters where it is optional.
  return mergeLayers([{ settings: [{ ...at, value: {} }], issues: [] }, ...layers]);
}

export function mergeLayers(layers: readonly Layer[]): Layer {
  return {
    settings: layers.flatMap(({ settings }) => settings),
    issues: layers.flatMap(({ issues }) => issues),
  };
}

// The issue omits the value: users often enter a whole login instead of its parts.
function notAnObject(at: Omit<Setting, 'value'>, value: unknown): ConfigIssue {
  const what = Array.isArray(value) ? 'a list' : `a ${typeof value}`;
  return {
    path: formatPath(at.path) || '(root)',
    source: at.source,
    message: `a group of settings is expected here, not ${what}`,
    fix: 'Write the settings of the group below its name',
  };
}

function unknownName(parent: z.ZodType, { path, source }: Omit<Setting, 'value'>): ConfigIssue {
  const above = path.slice(0, -1);
  const names = placesOf(parent)
    .filter((place) => place.length === 1 && place[0] !== '*')
    .map((place) => [...above, ...place].join('.'));
  const wanted = path.join('.');
  const meant = nearest(wanted, names);
  // A name below a secret path is shown only when it resembles a known name: it may be the secret.
  const visible = meant === undefined && isSecretPlace(above) ? [...above, '***'] : path;
  return {
    path: formatPath(visible),
    source,
    message: 'no such setting',
    fix: meant === undefined ? `Remove it, or use one of: ${names.join(', ')}` : `Did you mean ${meant}?`,
  };
}

/** Describes where a value was set: `DATABASE_URL (environment)`, `database.url (file converge.yaml)`. */
export function originOf(settings: readonly Setting[], path: readonly string[]): string | undefined {
  const wanted = path.join('.');
  const source = settings.findLast((setting) => setting.path.join('.') === wanted)?.source;
  if (source === undefined) return undefined;
  const variable = /^environment (\S+)$/.exec(source)?.[1];
  return variable === undefined ? `${wanted} (${source})` : `${variable} (environment)`;
}
