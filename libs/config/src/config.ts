import { deepFreeze } from '@convergekit/core/engine';
import type { z } from 'zod';
import { type Environment, prefixedLayer, standardLayer, standardNames } from './environment.ts';
import { ConfigError, type ConfigIssue } from './error.ts';
import { fileLayer } from './file.ts';
import { environmentName } from './names.ts';
import { nodeOf, schemaAt } from './schema.ts';
import { formatValue, formatPath, redact } from './secrets.ts';
import type { Layer, Setting } from './layer.ts';
import { mergeLayers, settingsOf } from './setting.ts';
import { valueOf } from './text.ts';

export interface LoadConfigOptions {
  /** The variables: `process.env`, or an object in a test. */
  readonly env: Environment;
  /** Prefix of environment variables: `CONVERGE__RELAY__POLL__MAX_MS`. @default 'CONVERGE' */
  readonly prefix?: string;
  /** Path of a YAML file. @default none */
  readonly file?: string | undefined;
  /** Command-line settings, by path (`{ 'relay.poll.maxMs': '5' }`) or nested; undefined = not given. @default none */
  readonly flags?: Readonly<Record<string, unknown>>;
}

/**
 * Resolves a process's configuration: defaults of the schema < YAML file < environment < flags.
 * Returns a frozen object, or throws one ConfigError that lists every issue. `X_FILE` instead of a variable X reads the
 * value of X from a file.
 * @example
 * ```ts
 * import { loadConfig } from 'convergekit/process';
 * import { z } from 'zod';
 *
 * const schema = z.object({ port: z.int().default(3000), bank: z.object({ url: z.url() }) });
 * // CONVERGE__PORT, CONVERGE__BANK__URL (or CONVERGE__BANK__URL_FILE), else the file.
 * const settings = loadConfig(schema, { env: process.env, file: 'settings.yaml' });
 * console.log(settings.bank.url);
 * ```
 */
export function loadConfig<T>(schema: z.ZodType<T>, options: LoadConfigOptions): T {
  return loadSettings(schema, options).config;
}

/** Resolves the configuration, and also returns each value that was set with its source. */
export function loadSettings<T>(
  schema: z.ZodType<T>,
  options: LoadConfigOptions,
): { readonly config: T; readonly settings: readonly Setting[] } {
  const { env, prefix = 'CONVERGE', file, flags = {} } = options;
  const fromFile = file === undefined ? mergeLayers([]) : fileLayer(schema, file);
  const free = fromFile.settings.map(({ path }) => path);
  const layers = [
    fromFile,
    standardLayer(schema, env),
    prefixedLayer(schema, env, prefix, free),
    flagLayer(schema, flags),
  ];
  const { settings, issues } = mergeLayers(layers);
  const result = schema.safeParse(treeOf(schema, settings));
  const wrong = [...issues];
  if (!result.success) {
    const named = { settings, prefix, schema };
    wrong.push(
      ...result.error.issues.map((issue) => describe(issue, named)).filter((one) => isNew(one, issues)),
    );
  }
  if (wrong.length > 0 || !result.success) throw new ConfigError(wrong);
  return { config: deepFreeze(result.data), settings };
}

/** True for an issue whose path has no earlier one. An unreadable value leaves its setting missing: one issue, not two. */
function isNew({ path, value }: ConfigIssue, known: readonly ConfigIssue[]): boolean {
  if (value !== undefined) return true;
  return !known.some((one) => one.path === '(root)' || one.path === path || path.startsWith(`${one.path}.`));
}

function flagLayer(schema: z.ZodType, flags: Readonly<Record<string, unknown>>): Layer {
  const layers = Object.entries(flags).map(([name, value]): Layer => {
    const path = name.split('.');
    const place = schemaAt(schema, path);
    const at = { path, source: `flag ${name}`, secret: false };
    if (place === undefined) return settingsOf(schema, nested(path, value), { ...at, path: [] });
    return settingsOf(place, typeof value === 'string' ? valueOf(value, place) : value, at);
  });
  return mergeLayers(layers);
}

function nested(path: readonly string[], value: unknown): unknown {
  return path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
}

/** Merges settings into a tree. Later settings win, and groups that the schema requires exist even when empty. */
function treeOf(schema: z.ZodType, settings: readonly Setting[]): Record<string, unknown> {
  const tree = groups(schema);
  for (const { path, value } of settings) {
    const last = path.at(-1);
    if (last === undefined) continue;
    const parent = path.slice(0, -1).reduce((group, name) => groupAt(group, name), tree);
    // `{}` only marks a group as present (see settingsOf).
    if (isGroup(value)) groupAt(parent, last);
    else parent[last] = value;
  }
  return tree;
}

function groups(schema: z.ZodType): Record<string, unknown> {
  const node = nodeOf(schema);
  if (node.kind !== 'object') return {};
  const inner = [...node.children].flatMap(([name, child]) => {
    const below = nodeOf(child);
    return below.kind === 'object' && !below.optional ? [[name, groups(child)] as const] : [];
  });
  return Object.fromEntries(inner);
}

function groupAt(parent: Record<string, unknown>, name: string): Record<string, unknown> {
  const present = parent[name];
  if (isGroup(present)) return present;
  const made: Record<string, unknown> = {};
  parent[name] = made;
  return made;
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface Named {
  readonly settings: readonly Setting[];
  readonly prefix: string;
}

function describe(issue: z.core.$ZodIssue, { settings, prefix }: Named): ConfigIssue {
  const path = issue.path.map(String);
  const place = path.join('.');
  // An issue inside a list is reported for the setting that holds the list.
  const setting = settings.findLast(
    (one) =>
      place === one.path.join('.') ||
      (place.startsWith(`${one.path.join('.')}.`) && one.path.length > 0 && !isGroup(one.value)),
  );
  const variables = [
    environmentName(prefix, path),
    ...Object.keys(standardNames).filter((name) => standardNames[name] === place),
  ];
  const message = redact(issue.message, setting);
  const named = formatPath(path) || '(root)';
  if (setting === undefined)
    return {
      path: named,
      source: 'not set',
      message,
      fix: `Set ${variables.join(' or ')}, or ${named} in the file`,
    };
  return {
    path: named,
    source: setting.source,
    value: formatValue(setting),
    message,
    fix: `Change it in ${setting.source}`,
  };
}
