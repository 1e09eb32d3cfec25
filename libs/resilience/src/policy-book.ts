import { ConvergeError } from '@convergekit/core';
import type { Backoff } from '@convergekit/core/engine';
import { bound, defaultGiveUp, defaultPolicy, type Policy } from './policy.ts';
import { applyChange, type PolicyChange } from './policy-change.ts';
import {
  chainOf,
  DEFAULT_RULE,
  isSpelled,
  type PolicyLayer,
  policyRulesSchema,
  type PolicyRules,
} from './policy-rules.ts';

/** Returns the policy of an operation by name. Call it for each operation run: a run keeps the policy it started with. */
export interface Policies {
  /** Returns the policy in force for a name: `payment.charge`. */
  for(name: string): Policy;
}

/** The rule of one layer that applies to a name. */
export interface AppliedRule {
  readonly source: string;
  readonly rule: string;
  readonly change: PolicyChange;
}

export interface PolicyIssue {
  readonly source: string;
  /** The path of a setting, such as `payment.charge.backoff.capMs`. */
  readonly path: string;
  readonly message: string;
}

/** The error of invalid rules, with every issue. */
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
 * Named policies, resolved from layers.
 * A later layer overrides an earlier one for every name. Within a layer the longer name overrides: `payment.charge`,
 * then `payment`, then `default`, field by field. The constructor validates the whole book, so that `for` never fails: a
 * name without a rule of its own has the policy of its longest prefix with a rule.
 */
export class PolicyBook implements Policies {
  readonly layers: readonly PolicyLayer[];
  readonly #resolved = new Map<string, Policy>();

  constructor(layers: readonly PolicyLayer[]) {
    this.layers = [builtIn, ...layers];
    const issues = this.#issues();
    if (issues.length > 0) throw new PolicyInvalid(issues);
  }

  /** Lists every name with a rule, `default` first. */
  get names(): readonly string[] {
    const names = new Set(this.layers.flatMap(({ rules }) => Object.keys(rules)));
    names.delete(DEFAULT_RULE);
    return [DEFAULT_RULE, ...[...names].toSorted()];
  }

  for(name: string): Policy {
    const known = this.#resolved.get(name);
    if (known !== undefined) return known;
    const policy = this.applied(name).reduce(
      (below, { change }) => applyChange(below, change),
      defaultPolicy,
    );
    this.#resolved.set(name, policy);
    return policy;
  }

  /** Lists the rules behind the policy of a name, in the order of application. */
  applied(name: string): readonly AppliedRule[] {
    const chain = chainOf(name);
    return this.layers.flatMap((layer) => {
      const { source, rules } = layer;
      return chain.flatMap((part) => {
        const rule = Object.hasOwn(rules, part)
          ? part
          : Object.keys(rules).find((one) => isSpelled(layer, one, part));
        const change = rule === undefined ? undefined : rules[rule];
        return rule === undefined || change === undefined ? [] : [{ source, rule, change }];
      });
    });
  }

  /** Validates every name with a rule; any other name resolves like one of them. */
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

/**
 * Creates a book from the application's own rules.
 * @example
 * ```ts
 * import { policyBook } from 'convergekit/process';
 *
 * const book = policyBook({
 *   default: { attempts: 3, attemptTimeoutMs: 1_000 },
 *   'payment.charge': { attempts: 2 }, // what it leaves out comes from `default`
 * });
 * console.log(book.for('payment.charge').attemptTimeoutMs); // 1000
 * ```
 */
export function policyBook(rules: PolicyRules, ...above: readonly PolicyLayer[]): PolicyBook {
  return new PolicyBook([{ source: 'code', rules }, ...above]);
}

function shapeIssues(source: string, rules: unknown): readonly PolicyIssue[] {
  const { error } = policyRulesSchema.safeParse(rules);
  return (error?.issues ?? []).map(({ path, message, ...issue }) => ({
    source,
    path: path.join('.'),
    // The issue of an invalid key of a record is nested one level deeper.
    message: issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? message) : message,
  }));
}

/** The kit's own rules. A consumer's in-place waits block its partition: they are short, then the key is parked. */
const builtIn: PolicyLayer = Object.freeze({
  source: 'built in',
  rules: {
    consumer: { attempts: 3, backoff: { capMs: 1_000 }, giveUp: defaultGiveUp },
  },
});

/** A contradiction between fields that are each valid: its path and a hint. */
interface PolicyFault {
  readonly path: readonly string[];
  readonly message: string;
}

/** Finds contradictions between the fields of a policy. */
function contradictions(policy: Policy): readonly PolicyFault[] {
  const { attempts, backoff, attemptTimeoutMs, breaker } = policy;
  const deadlineMs = bound(policy.deadlineMs);
  const faults = [...capBelowBase(['backoff'], backoff), ...capBelowBase(['breaker', 'open'], breaker.open)];
  // Without a bound on attempts the deadline is the bound.
  const waits = attempts === 'unbounded' || attempts === 1 ? 0 : attempts * backoff.capMs;
  if (waits > deadlineMs)
    faults.push({
      path: ['deadlineMs'],
      message: `attempts × capMs (${attempts} × ${backoff.capMs} = ${waits} ms) is above deadlineMs ${deadlineMs}: the last attempts could never start; raise deadlineMs to ${waits}, or lower attempts or backoff.capMs`,
    });
  if (attemptTimeoutMs > deadlineMs)
    faults.push({
      path: ['attemptTimeoutMs'],
      message: `attemptTimeoutMs ${attemptTimeoutMs} is above deadlineMs ${deadlineMs}: lower it to at most ${deadlineMs}`,
    });
  return faults;
}

function capBelowBase(path: readonly string[], { baseMs, capMs }: Backoff): PolicyFault[] {
  if (capMs >= baseMs) return [];
  const message = `capMs ${capMs} is below baseMs ${baseMs}: raise capMs to at least ${baseMs} or lower baseMs`;
  return [{ path: [...path, 'capMs'], message }];
}
