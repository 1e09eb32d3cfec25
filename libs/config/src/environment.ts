import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import type { ConfigIssue } from './error.ts';
import { camelCase, environmentName, loose, nearest, UNSAFE_NAMES } from './names.ts';
import { nodeOf, placesOf, schemaAt } from './schema.ts';
import type { Layer } from './layer.ts';
import { mergeLayers, settingsOf } from './setting.ts';
import { valueOf } from './text.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
/**
 * Standard environment variables → paths of settings; `CONVERGE__…` takes precedence. A schema without the setting ignores
 * its variable: one table for every process.
 */
export const standardNames: Readonly<Record<string, string>> = Object.freeze({
  DATABASE_URL: 'database.url',
  PGHOST: 'database.host',
  PGPORT: 'database.port',
  PGUSER: 'database.user',
  PGPASSWORD: 'database.password',
  PGDATABASE: 'database.name',
  PGSSLMODE: 'database.sslMode',
  KAFKA_BROKERS: 'kafka.brokers',
  KAFKA_CLIENT_ID: 'kafka.clientId',
  LOG_LEVEL: 'log.level',
  OTEL_SERVICE_NAME: 'otel.serviceName',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'otel.exporterOtlpEndpoint',
  OTEL_RESOURCE_ATTRIBUTES: 'otel.resourceAttributes',
  OTEL_SDK_DISABLED: 'otel.sdkDisabled',
});

interface Variable {
  readonly name: string;
  readonly text: string;
  readonly path: readonly string[];
}

/** Reads the standard variables. An empty one counts as not set: compose files and shells unset a variable so. */
export function standardLayer(schema: z.ZodType, env: Environment): Layer {
  const layers = Object.entries(standardNames).map(([name, place]): Layer => {
    const path = place.split('.');
    const known = schemaAt(schema, path) !== undefined;
    const found = known ? [variableOf(env, name, path), variableOf(env, `${name}_FILE`, path)] : [];
    return readEither(
      schema,
      found.filter((one) => one !== undefined),
    );
  });
  return mergeLayers(layers);
}

/**
 * Reads prefixed variables: `CONVERGE__A__B_C` → `{ a: { bC } }`.
 * Names in a record are free. There `__` is a dot up to the setting below
 * (`CONVERGE__POLICIES__PAYMENT__CHARGE__ATTEMPTS` → `{ policies: { 'payment.charge': { attempts } } }`), and a name
 * that the file already uses (`free`) is spelled as in the file.
 */
export function prefixedLayer(
  schema: z.ZodType,
  env: Environment,
  prefix: string,
  free: readonly (readonly string[])[],
): Layer {
  const found = new Map<string, Variable[]>();
  const issues: ConfigIssue[] = strayVariables(schema, env, prefix, free);
  for (const name of Object.keys(env)
    .filter((one) => one.startsWith(`${prefix}__`))
    .sort()) {
    const segments = name.slice(prefix.length + 2).split('__');
    const path = pathOf(schema, segments, free);
    if (path === undefined) issues.push(unknownVariable(schema, prefix, name));
    else {
      const variable = variableOf(env, name, path);
      const id = path.join('.');
      if (variable !== undefined) found.set(id, [...(found.get(id) ?? []), variable]);
    }
  }
  const layers = [...found.values()].map((both) => readEither(schema, both));
  return mergeLayers([{ settings: [], issues }, ...layers]);
}

/** Finds the place of a variable. `_FILE` names a file, unless the schema has a setting of that very name. */
function pathOf(
  schema: z.ZodType,
  segments: readonly string[],
  free: readonly (readonly string[])[],
): string[] | undefined {
  const whole = placeOf(schema, segments, free);
  const isFree =
    whole !== undefined && nodeOf(schemaAt(schema, whole.slice(0, -1)) ?? schema).kind === 'record';
  if (whole !== undefined && !isFree) return whole;
  return placeOf(schema, withoutFile(segments), free) ?? whole;
}

function variableOf(env: Environment, name: string, path: readonly string[]): Variable | undefined {
  const text = env[name];
  return text === undefined || text === '' ? undefined : { name, text, path };
}

/** Finds a path as the schema spells it, segment by segment, ignoring case and underscores. */
function placeOf(
  schema: z.ZodType,
  segments: readonly string[],
  free: readonly (readonly string[])[],
): string[] | undefined {
  const path: string[] = [];
  let current = schema;
  for (let at = 0; at < segments.length;) {
    const node = nodeOf(current);
    const taken = segments.slice(
      at,
      at + (node.kind === 'record' ? lengthOfName(node.value, segments, at) : 1),
    );
    if (taken.includes('')) return undefined;
    at += taken.length;
    const known =
      node.kind === 'object'
        ? [...node.children.keys()]
        : free.filter((place) => startsWith(place, path)).map((place) => place[path.length] ?? '');
    const match = known.find((name) => loose(name) === loose(taken.join('')));
    const name = match ?? (node.kind === 'record' ? taken.map(camelCase).join('.') : undefined);
    const next =
      node.kind === 'object'
        ? node.children.get(name ?? '')
        : node.kind === 'record'
          ? node.value
          : undefined;
    if (name === undefined || next === undefined || UNSAFE_NAMES.has(name)) return undefined;
    path.push(name);
    current = next;
  }
  return path;
}

/**
 * Counts the segments of a free name, up to the first setting of the schema below the name. A `__` separates segments.
 */
function lengthOfName(value: z.ZodType, segments: readonly string[], at: number): number {
  const node = nodeOf(value);
  if (node.kind !== 'object') return 1;
  const names = new Set([...node.children.keys()].map(loose));
  const next = segments.findIndex((segment, index) => index > at && names.has(loose(segment)));
  return next < 0 ? 1 : next - at;
}

function startsWith(place: readonly string[], path: readonly string[]): boolean {
  return place.length > path.length && path.every((name, index) => place[index] === name);
}

function withoutFile(segments: readonly string[]): readonly string[] {
  const last = segments.at(-1) ?? '';
  return last.endsWith('_FILE') ? [...segments.slice(0, -1), last.slice(0, -'_FILE'.length)] : [''];
}

/** Reads a variable or its `_FILE` twin; setting both is an issue. */
function readEither(schema: z.ZodType, both: readonly Variable[]): Layer {
  const [first, second] = both;
  if (first === undefined) return { settings: [], issues: [] };
  if (second === undefined) return readVariable(schema, first);
  const issue: ConfigIssue = {
    path: first.path.join('.'),
    source: `environment ${first.name} and ${second.name}`,
    message: 'both are set',
    fix: `Unset one of them`,
  };
  return { settings: [], issues: [issue] };
}

function readVariable(schema: z.ZodType, { name, text, path }: Variable): Layer {
  const place = schemaAt(schema, path);
  if (place === undefined) return { settings: [], issues: [] };
  const fromFile = isFileVariable(name, path);
  const source = `environment ${name}`;
  try {
    const content = fromFile ? readFileSync(text, 'utf8').replace(/\r?\n$/, '') : text;
    return settingsOf(place, valueOf(content, place), { path, source, secret: fromFile });
  } catch (cause) {
    // The error omits the path, which may be the secret itself, entered instead of the name of a file.
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    const message = `the file that it names cannot be read (${why})`;
    const fix = `Set ${name} to a file that this process may read`;
    return { settings: [], issues: [{ path: path.join('.'), source, message, fix }] };
  }
}

function isFileVariable(name: string, path: readonly string[]): boolean {
  return name.endsWith('_FILE') && !loose(path.at(-1) ?? '').endsWith('file');
}

/**
 * Finds variables whose begin alone keeps them from being settings: `CONVERGE_RELAY__RETAIN_MS`, or one in lower case. Names
 * without `__` are not ours: Kubernetes gives every process CONVERGE_CONSOLE_PORT where a service is named so.
 */
function strayVariables(
  schema: z.ZodType,
  env: Environment,
  prefix: string,
  free: readonly (readonly string[])[],
): ConfigIssue[] {
  const begin = new RegExp(`^${prefix}_+`, 'i');
  const known = (name: string): string | undefined =>
    placesOf(schema)
      .map((path) => environmentName(prefix, path))
      .find((one) => loose(one) === loose(name));
  return Object.keys(env)
    .filter((name) => begin.test(name) && !name.startsWith(`${prefix}__`) && name.includes('__'))
    .flatMap((name): ConfigIssue[] => {
      const rest = name.replace(begin, '');
      const isSetting = pathOf(schema, rest.split('__'), free) !== undefined;
      const meant = isSetting ? `${prefix}__${rest.toUpperCase()}` : known(name);
      if (meant === undefined) return [];
      return [
        { path: name, source: 'environment', message: 'no such setting', fix: `Did you mean ${meant}?` },
      ];
    });
}

function unknownVariable(schema: z.ZodType, prefix: string, name: string): ConfigIssue {
  const names = placesOf(schema).map((path) => environmentName(prefix, path));
  const meant = nearest(name, names);
  return {
    path: name,
    source: 'environment',
    message: 'no such setting',
    fix:
      meant === undefined
        ? `Unset it, or use one of: ${names.slice(0, 20).join(', ')}`
        : `Did you mean ${meant}?`,
  };
}
