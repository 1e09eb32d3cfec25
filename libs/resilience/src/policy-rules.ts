import { z } from 'zod';
import { type PolicyChange, policyChangeSchema } from './policy-change.ts';

/** Changes by name: `default`, a dependency (`payment`), an operation (`payment.charge`). Plain data. */
export type PolicyRules = Readonly<Record<string, PolicyChange>>;

/** Rules of one origin: the application's own, a file, the environment, the central table. */
export interface PolicyLayer {
  /** For people: `code`, `file converge.yaml`, `environment`, `central table`. */
  readonly source: string;
  readonly rules: PolicyRules;
}

/** The rule that is below all others of its layer. */
export const DEFAULT_RULE = 'default';

const FIELDS = ['attempts', 'backoff', 'attemptTimeoutMs', 'deadlineMs', 'budget', 'breaker', 'objective'];
const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '');
const fieldNames: ReadonlySet<string> = new Set(FIELDS.map(plain));

const nameSchema = z
  .string()
  .max(200, { error: 'a policy name has at most 200 characters' })
  .regex(/^[A-Za-z][\w-]*(\.[A-Za-z][\w-]*)*$/, {
    error: 'a policy name is words of letters, digits, - and _, joined by dots: payment.charge',
  })
  // In the environment a dot is written `__`, as the way to a field is: PAYMENT__BUDGET could be either.
  .refine((name) => !name.split('.').some((part) => fieldNames.has(plain(part))), {
    error: `a part of a policy name may not be a field (${FIELDS.join(', ')})`,
  });

/** Checks rules, each by itself; how they go together is checked by the book that they come into. */
export const policyRulesSchema = z.record(nameSchema, policyChangeSchema);

/** The rules that apply to a name, the longest last: `default`, `payment`, `payment.charge`. */
export function chainOf(name: string): readonly string[] {
  if (name === DEFAULT_RULE) return [DEFAULT_RULE];
  const parts = name.split('.');
  return [DEFAULT_RULE, ...parts.map((_, index) => parts.slice(0, index + 1).join('.'))];
}
