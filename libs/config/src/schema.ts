import type { z } from 'zod';
import { UNSAFE_NAMES } from './names.ts';

/** A place in a schema, as the loader sees it: children, and how to read text there. */
export type ConfigNode =
  | { readonly kind: 'object'; readonly children: ReadonlyMap<string, z.ZodType>; readonly optional: boolean }
  | { readonly kind: 'record'; readonly value: z.ZodType }
  | { readonly kind: 'array'; readonly element: z.ZodType }
  | { readonly kind: 'union'; readonly options: readonly z.ZodType[] }
  | { readonly kind: 'literal'; readonly values: readonly unknown[] }
  | { readonly kind: 'number' | 'bigint' | 'boolean' | 'string' | 'other' };

/** The fields of zod 4's `def` that the loader reads; each schema type has some of these fields. */
interface Def {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly out?: z.ZodType;
  readonly getter?: () => z.ZodType;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly valueType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly values?: readonly unknown[];
  readonly left?: z.ZodType;
  readonly right?: z.ZodType;
}

const defOf = (schema: z.ZodType): Def => schema.def;

/** Describes a schema, seen through optional, default, transform and other wrappers. */
export function nodeOf(schema: z.ZodType): ConfigNode {
  const { inner, optional } = unwrap(schema);
  const def = defOf(inner);
  if (def.shape !== undefined)
    return { kind: 'object', children: new Map(Object.entries(def.shape)), optional };
  if (def.type === 'record' && def.valueType !== undefined) return { kind: 'record', value: def.valueType };
  if (def.type === 'array' && def.element !== undefined) return { kind: 'array', element: def.element };
  if (def.type === 'union' && def.options !== undefined) return unionOf(def.options);
  if (def.type === 'literal') return { kind: 'literal', values: def.values ?? [] };
  if (def.type === 'intersection') return intersectionOf(def, optional);
  if (def.type === 'enum') return { kind: 'string' };
  const scalar = (['number', 'bigint', 'boolean', 'string'] as const).find((kind) => kind === def.type);
  return { kind: scalar ?? 'other' };
}

function unwrap(schema: z.ZodType): { inner: z.ZodType; optional: boolean } {
  const layers = layersOf(schema);
  const optional = layers.some((layer) =>
    ['optional', 'nullable', 'default', 'prefault', 'catch'].includes(defOf(layer).type),
  );
  return { inner: layers.at(-1) ?? schema, optional };
}

/** Lists a schema and what it wraps, the outermost first. */
export function layersOf(schema: z.ZodType): readonly z.ZodType[] {
  const layers = [schema];
  for (let layer: z.ZodType | undefined = schema; layer !== undefined;) {
    const def: Def = defOf(layer);
    // A preprocess step accepts any input, so the output schema is used; otherwise the input schema.
    const piped = def.in !== undefined && defOf(def.in).type === 'transform' ? def.out : def.in;
    layer = def.innerType ?? piped ?? def.getter?.();
    if (layer !== undefined) layers.push(layer);
  }
  return layers;
}

/** Merges the names of all objects of a union; validation decides later which fit together. */
function unionOf(options: readonly z.ZodType[]): ConfigNode {
  const nodes = options.map(nodeOf);
  const objects = nodes.filter((node) => node.kind === 'object');
  if (objects.length < nodes.length) return { kind: 'union', options };
  const children = new Map<string, z.ZodType>();
  for (const { children: some } of objects)
    for (const [name, child] of some) if (!children.has(name)) children.set(name, child);
  return { kind: 'object', children, optional: true };
}

function intersectionOf({ left, right }: Def, optional: boolean): ConfigNode {
  const nodes = [left, right].flatMap((side) => (side === undefined ? [] : [nodeOf(side)]));
  const objects = nodes.filter((node) => node.kind === 'object');
  if (objects.length < 2) return nodes[0] ?? { kind: 'other' };
  return { kind: 'object', children: new Map(objects.flatMap(({ children }) => [...children])), optional };
}

/** Finds the schema at a path, and the path in the schema's spelling; undefined when there is none. */
export function schemaAt(root: z.ZodType, path: readonly string[]): z.ZodType | undefined {
  let current: z.ZodType = root;
  for (const name of path) {
    const node = nodeOf(current);
    const next =
      node.kind === 'object' ? node.children.get(name) : node.kind === 'record' ? node.value : undefined;
    if (next === undefined || UNSAFE_NAMES.has(name)) return undefined;
    current = next;
  }
  return current;
}

/** Lists every path that can be set; `*` is a free name. Recursive schemas are cut at `depth`. */
export function placesOf(root: z.ZodType, depth = 8): readonly (readonly string[])[] {
  const node = nodeOf(root);
  const below = (name: string, child: z.ZodType): (readonly string[])[] =>
    depth === 0 ? [] : [[name], ...placesOf(child, depth - 1).map((path) => [name, ...path])];
  if (node.kind === 'object') return [...node.children].flatMap(([name, child]) => below(name, child));
  return node.kind === 'record' ? below('*', node.value) : [];
}

export function acceptsNull(schema: z.ZodType): boolean {
  return schema.safeParse(null).success;
}
