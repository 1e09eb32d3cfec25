import { ConvergeError } from '@convergekit/core';
import { defaultPolicy, type Policy } from './policy.ts';
import { changed, type PolicyChange } from './policy-change.ts';
import {
  chainOf,
  DEFAULT_RULE,
  type PolicyLayer,
  policyRulesSchema,
  type PolicyRules,
} from './policy-rules.ts';
import { contradictions } from './policy-schema.ts';

/** Gives an operation its policy by name. Ask for it at each call: what is in flight keeps the one it began with. */
export interface Policies {
  for(name: string): Policy;
}

/** What a rule of one layer says about a name. */
export interface AppliedRule {
  readonly source: string;
  readonly rule: string;
  readonly change: PolicyChange;
}

export interface PolicyIssue {
  readonly source: string;
  /** `payment.charge.backoff.capMs` */
  readonly path: string;
  readonly message: string;
}

/** All that is wrong with a set of rules, at once. */
export class PolicyInvalid extends ConvergeError {
  readonly issues: readonly PolicyIssue[];

  constructor(issues: readonly PolicyIssue[]) {
    const lines = issues.map(({ source, path, message }) => `policies.${path} (${source}): ${message}`);
    super(`the policies cannot be used: ${lines.join('; ')}`, {
      code: 'POLICY_INVALID',
      category: 'configuration',
      certainty: 'not_applied',
    });
    this.issues = issues;
  }
}

/**
 * Named policies, resolved from layers. A later layer wins over an earlier one whatever the names; within a layer the
 * longer name wins: `payment.charge` over `payment` over `default`; field by field. Checked whole when it is made, so
 * that `for` never fails: a name without a rule of its own has the policy of the longest rule that begins it.
 */
export class PolicyBook implements Policies {
  readonly layers: readonly PolicyLayer[];
  readonly #resolved = new Map<string, Policy>();

  constructor(layers: readonly PolicyLayer[]) {
    this.layers = [builtIn, ...layers];
    const issues = this.#issues();
    if (issues.length > 0) throw new PolicyInvalid(issues);
  }

  /** Every name that has a rule, `default` first. */
  get names(): readonly string[] {
    const names = new Set(this.layers.flatMap(({ rules }) => Object.keys(rules)));
    names.delete(DEFAULT_RULE);
    return [DEFAULT_RULE, ...[...names].toSorted()];
  }

  for(name: string): Policy {
    const known = this.#resolved.get(name);
    if (known !== undefined) return known;
    const policy = this.applied(name).reduce((below, { change }) => changed(below, change), defaultPolicy);
    this.#resolved.set(name, policy);
    return policy;
  }

  /** The rules that made the policy of a name, in the order in which they were applied. */
  applied(name: string): readonly AppliedRule[] {
    const chain = chainOf(name);
    return this.layers.flatMap(({ source, rules }) =>
      chain.flatMap((rule) => {
        const change = Object.hasOwn(rules, rule) ? rules[rule] : undefined;
        return change === undefined ? [] : [{ source, rule, change }];
      }),
    );
  }

  /** Resolving every rule's name covers all names: any other one resolves like one of them. */
  #issues(): readonly PolicyIssue[] {
    const shapes = this.layers.flatMap(({ source, rules }) => shapeIssues(source, rules));
    if (shapes.length > 0) return shapes;
    return this.names.flatMap((name) =>
      contradictions(this.for(name)).map(({ path, message }) => ({
        source: this.applied(name).at(-1)?.source ?? 'built in',
        path: [name, ...path].join('.'),
        message,
      })),
    );
  }
}

/** A book of the application's own rules. */
export function policyBook(rules: PolicyRules, ...above: readonly PolicyLayer[]): PolicyBook {
  return new PolicyBook([{ source: 'code', rules }, ...above]);
}

function shapeIssues(source: string, rules: unknown): readonly PolicyIssue[] {
  const { error } = policyRulesSchema.safeParse(rules);
  return (error?.issues ?? []).map(({ path, message, ...issue }) => ({
    source,
    path: path.join('.'),
    // What is wrong with a key of a record lies one level deeper.
    message: issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? message) : message,
  }));
}

/** The kit's own rules. A consumer's waits in place hold its partition: short ones, then the key is parked. */
const builtIn: PolicyLayer = Object.freeze({
  source: 'built in',
  rules: {
    consumer: { attempts: 3, backoff: { capMs: 1_000 } },
  },
});
