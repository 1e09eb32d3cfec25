import { type PolicyLayer, policyRulesSchema } from './policy-rules.ts';

/** A value that was set, and its source, as the config loader reports it. */
export interface SetValue {
  /** The path from the root of the configuration: `['policies', 'payment.charge', 'attempts']`. */
  readonly path: readonly string[];
  /** The value, as text or parsed. */
  readonly value: unknown;
  /** `file converge.yaml`, `environment CONVERGE__POLICIES__…` */
  readonly source: string;
}

/**
 * Builds policy layers from the configuration, one per source in order of precedence.
 * A variable overrides the file for every name: `PAYMENT__ATTEMPTS` overrides the file's `payment.charge`.
 * @example
 * ```ts
 * import { policyBook, policyLayersOf } from 'convergekit/process';
 *
 * const settings = [{ path: ['payment', 'charge', 'attempts'], value: 2, source: 'PAYMENT__CHARGE__ATTEMPTS' }];
 * export const policies = policyBook({ default: { attempts: 3 } }, ...policyLayersOf(settings));
 * ```
 */
export function policyLayersOf(settings: readonly SetValue[]): readonly PolicyLayer[] {
  const trees = new Map<string, Tree>();
  for (const { path, value, source } of settings) {
    const last = path.at(-1);
    if (path[0] !== 'policies' || path.length < 2 || last === undefined) continue;
    const origin = source.startsWith('environment ') ? 'environment' : source;
    const tree = trees.get(origin) ?? {};
    trees.set(origin, tree);
    const parent = path.slice(1, -1).reduce(groupAt, tree);
    if (isTree(value)) groupAt(parent, last);
    else parent[last] = value;
  }
  return [...trees].map(([source, tree]) => ({
    source,
    rules: policyRulesSchema.parse(tree),
    ...(source === 'environment' ? { fromVariables: true } : {}),
  }));
}

interface Tree {
  [name: string]: unknown;
}

function groupAt(tree: Tree, name: string): Tree {
  const present = Object.hasOwn(tree, name) ? tree[name] : undefined;
  if (isTree(present)) return present;
  const made: Tree = {};
  tree[name] = made;
  return made;
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null;
}
