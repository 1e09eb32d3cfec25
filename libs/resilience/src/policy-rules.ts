import { z } from 'zod';
import { type PolicyChange, policyChangeSchema, policySettingSchema } from './policy-change.ts';

/** Policy changes by name: `default`, a dependency (`payment`), an operation (`payment.charge`). Plain data. */
export type PolicyRules = Readonly<Record<string, PolicyChange>>;

/** The rules of one origin: the application's own, a file, the environment, the central table. */
export interface PolicyLayer {
  /** The origin in text: `code`, `file converge.yaml`, `environment`, `central table`. */
  readonly source: string;
  /** The changes, by name. */
  readonly rules: PolicyRules;
  /** True when variables gave the names, which spell no dash: `orderMailer` is `order-mailer`, too. @default false */
  readonly fromVariables?: boolean;
}

/** The name of the lowest rule of a layer. */
export const DEFAULT_RULE = 'default';

const FIELDS = [
  'attempts',
  'backoff',
  'attemptTimeoutMs',
  'deadlineMs',
  'budget',
  'breaker',
  'objective',
  'giveUp',
];
const normalize = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '');
const fieldNames: ReadonlySet<string> = new Set(FIELDS.map(normalize));

const nameSchema = z
  .string()
  .max(200, { error: 'a policy name has at most 200 characters' })
  .regex(/^[A-Za-z][\w-]*(\.[A-Za-z][\w-]*)*$/, {
    error: 'a policy name is words of letters, digits, - and _, joined by dots: payment.charge',
  })
  // The environment writes `__` both for a dot and for the step to a field: PAYMENT__BUDGET would be ambiguous.
  .refine((name) => !name.split('.').some((part) => fieldNames.has(normalize(part))), {
    error: `a part of a policy name may not be a field (${FIELDS.join(', ')})`,
  });

/** Reduces a name to what its spellings share, part by part. */
const spoken = (name: string): string => name.split('.').map(normalize).join('.');

/** Compares a name with a rule of a layer, as the layer spells names. Pure. */
export function isSpelled(
  { fromVariables = false }: Pick<PolicyLayer, 'fromVariables'>,
  rule: string,
  name: string,
): boolean {
  return rule === name || (fromVariables && spoken(rule) === spoken(name));
}

/** Validates each rule alone; the policy book validates their combination. */
export const policyRulesSchema = z.record(nameSchema, policyChangeSchema);

/** Validates the rules of a file or the environment, under `policies` of a process's settings. */
export const policySettingsSchema = z
  .record(nameSchema, policySettingSchema)
  .meta({ fallback: 'as in the code' });

/** Lists the names whose rules apply, the longest last: `default`, `payment`, `payment.charge`. */
export function chainOf(name: string): readonly string[] {
  if (name === DEFAULT_RULE) return [DEFAULT_RULE];
  const parts = name.split('.');
  return [DEFAULT_RULE, ...parts.map((_, index) => parts.slice(0, index + 1).join('.'))];
}
