import { PolicyBook, PolicyInvalid } from './policy-book.ts';
import type { PolicyChange } from './policy-change.ts';
import type { PolicyLayer, PolicyRules } from './policy-rules.ts';

/** A received rule that is not validated yet. */
export interface OfferedRule {
  readonly name: string;
  /** Increases with every change of any rule. Older rules are admitted first. */
  readonly version: number;
  readonly change: unknown;
}

export interface RefusedRule {
  readonly name: string;
  readonly version: number;
  readonly reason: string;
}

export interface Admission {
  readonly book: PolicyBook;
  /** The offered rules that were admitted. */
  readonly rules: PolicyRules;
  readonly refused: readonly RefusedRule[];
}

/**
 * Adds offered rules above the layers below, one by one.
 * An invalid rule, alone or combined with the others, is refused with its reason, and the last valid rule of its name
 * stays in force: one wrong row stops neither the process nor the other rows.
 */
export function admitRules(
  below: readonly PolicyLayer[],
  offered: readonly OfferedRule[],
  lastGood: PolicyRules = {},
): Admission {
  let rules: PolicyRules = {};
  let book = new PolicyBook(below);
  const refused: RefusedRule[] = [];
  const admit = (name: string, change: unknown): string | undefined => {
    const wanted: PolicyRules = { ...rules, [name]: change as PolicyChange };
    try {
      book = new PolicyBook([...below, { source: 'central table', rules: wanted }]);
      rules = wanted;
      return undefined;
    } catch (error) {
      if (!(error instanceof PolicyInvalid)) throw error;
      return error.issues.map(({ path, message }) => `${path}: ${message}`).join('; ');
    }
  };
  for (const { name, version, change } of offered.toSorted((a, b) => a.version - b.version)) {
    const reason = admit(name, change);
    if (reason === undefined) continue;
    refused.push({ name, version, reason });
    if (Object.hasOwn(lastGood, name)) admit(name, lastGood[name]);
  }
  return { book, rules, refused };
}
