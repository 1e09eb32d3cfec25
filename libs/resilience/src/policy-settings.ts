import { type PolicyLayer, policyRulesSchema } from './policy-rules.ts';

/** One value that was set, and where: what the config loader tells. */
export interface SetValue {
  /** From the root of the configuration: `['policies', 'payment.charge', 'attempts']`. */
  readonly path: readonly string[];
  readonly value: unknown;
  /** `file converge.yaml`, `environment CONVERGE__POLICIES__…` */
  readonly source: string;
}

/**
 * What configuration says about policies, a layer for each origin in the order of precedence, so that a variable wins
 * over the file whatever the names: `PAYMENT__ATTEMPTS` over the file's `payment.charge`.
 */
export function policyLayersOf(settings: readonly SetValue[], section = 'policies'): readonly PolicyLayer[] {
  const trees = new Map<string, Tree>();
  for (const { path, value, source } of settings) {
    const last = path.at(-1);
    if (path[0] !== section || path.length < 2 || last === undefined) continue;
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
