import { z } from 'zod';
import { standardNames } from './environment.ts';
import { environmentName } from './names.ts';
import { layersOf, nodeOf } from './schema.ts';

/** One setting as a reference page shows it. Texts are plain, without markup. */
export interface SettingEntry {
  /** The path in a file: `relay.poll.maxMs`. A free name is `<name>`. */
  readonly path: string;
  /** The environment variables, the short one first: `DATABASE_URL`, `CONVERGE__DATABASE__URL`. */
  readonly variables: readonly string[];
  /** What applies where nothing is set: a value, `none`, or `required`. */
  readonly fallback: string;
  /** The unit of a number; empty where it has none. */
  readonly unit: string;
  /** What the setting accepts. */
  readonly range: string;
  /** Undefined: the schema does not say what the setting does. */
  readonly description: string | undefined;
}

/** What a schema may say about a setting, by zod's `meta`. */
interface SettingMeta {
  readonly description?: string;
  /** The unit of a number whose name does not end with it (`leaseMs` does). `none` for ports and factors. */
  readonly unit?: string;
  /** What applies where nothing is set, for a setting whose default is not in the schema. */
  readonly fallback?: string;
  /** What is accepted, for a pattern or a check that no reader should have to decode. */
  readonly range?: string;
}

/** Lists every setting of a schema, in its order. Recursive schemas are not settings. */
export function settingEntries(schema: z.ZodType): readonly SettingEntry[] {
  return entriesAt(schema, { path: [], group: undefined, said: {} });
}

interface Place {
  readonly path: readonly string[];
  /** The nearest group that may be left out: what it requires is required only with it. */
  readonly group: string | undefined;
  /** What the schema says of all entries under free names. */
  readonly said: SettingMeta;
}

function entriesAt(schema: z.ZodType, place: Place): readonly SettingEntry[] {
  const node = nodeOf(schema);
  const below = (name: string, child: z.ZodType, more: Partial<Place>): readonly SettingEntry[] =>
    entriesAt(child, { ...place, path: [...place.path, name], ...more });
  if (node.kind === 'record')
    return below('<name>', node.value, { said: { fallback: 'none', ...metaOf(schema) } });
  // A group under a free name takes over what applies when it is not set; each of its settings describes itself.
  const said = place.said.fallback === undefined ? {} : { fallback: place.said.fallback };
  if (node.kind !== 'object') return [entryOf(schema, place)];
  const group = isLeftOut(schema) ? place.path.join('.') : place.group;
  return [...node.children].flatMap(([name, child]) => below(name, child, { group, said }));
}

function entryOf(schema: z.ZodType, { path, group, said }: Place): SettingEntry {
  const meta = { ...said, ...metaOf(schema) };
  const name = path.join('.');
  const short = Object.keys(standardNames).filter((variable) => standardNames[variable] === name);
  return {
    path: name,
    variables: [...short, environmentName('CONVERGE', path)],
    fallback: meta.fallback ?? fallbackOf(schema, group),
    unit: meta.unit ?? (/(^m|M)s$/.test(path.at(-1) ?? '') ? 'ms' : ''),
    range: meta.range ?? rangeOf(schema),
    description: meta.description,
  };
}

/** Returns what the layers of a schema say; an outer layer takes precedence. */
function metaOf(schema: z.ZodType): SettingMeta {
  const said = layersOf(schema).map((layer) => z.globalRegistry.get(layer) ?? {});
  return Object.assign({}, ...said.toReversed()) as SettingMeta;
}

/** True where the whole group may be absent, and not merely empty. */
function isLeftOut(schema: z.ZodType): boolean {
  return layersOf(schema).some(({ def }) => def.type === 'optional' || def.type === 'nullable');
}

function fallbackOf(schema: z.ZodType, group: string | undefined): string {
  for (const layer of layersOf(schema)) {
    if (layer instanceof z.ZodDefault || layer instanceof z.ZodPrefault)
      return textOf(layer.def.defaultValue);
    if (layer instanceof z.ZodOptional) return 'none';
  }
  return group === undefined ? 'required' : `required with ${group}`;
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The parts of a JSON Schema that say what a setting accepts. */
interface Shape {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: string | number | boolean;
  readonly anyOf?: readonly Shape[];
  readonly items?: Shape;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly exclusiveMaximum?: number;
}

/** Says in words what a setting accepts: `whole number from 1 to 65535`, `kafkajs or platformatic`. */
function rangeOf(schema: z.ZodType): string {
  return wordsOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Shape);
}

function wordsOf(shape: Shape): string {
  if (shape.const !== undefined) return String(shape.const);
  if (shape.enum !== undefined) return alternatives(shape.enum.map(String));
  if (shape.anyOf !== undefined) return alternatives(shape.anyOf.map(wordsOf));
  if (shape.type === 'array') return `list of ${wordsOf(shape.items ?? {})}`;
  if (shape.type === 'boolean') return 'true or false';
  if (shape.type === 'integer') return `whole number${boundsOf(shape)}`;
  if (shape.type === 'number') return `number${boundsOf(shape)}`;
  if (shape.format === 'uri') return 'URL';
  return shape.pattern === undefined ? 'text' : `text like ${shape.pattern}`;
}

function alternatives(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} or ${last}`;
}

function boundsOf({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: Shape): string {
  // zod bounds whole numbers by what a double counts exactly; that is no limit of the setting.
  const from = minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const to = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  return [
    exclusiveMinimum === undefined ? '' : ` above ${exclusiveMinimum}`,
    from === undefined ? '' : ` from ${from}`,
    exclusiveMaximum === undefined ? '' : ` below ${exclusiveMaximum}`,
    to === undefined ? '' : ` to ${to}`,
  ].join('');
}
