import { CATEGORIES, CERTAINTIES, fieldsOf, messageOf } from '@convergekit/core/engine';
import type { Failure } from '@convergekit/core';
import { httpRule } from './classify-http.ts';
import { kafkaRule } from './classify-kafka.ts';
import { abortRule, bugRule, nodeRule, schemaRule } from './classify-node.ts';
import { postgresRule } from './classify-postgres.ts';
import { type ClassifyRule, unclassified, type Verdict } from './verdict.ts';

/** The built-in rules in order; the first verdict counts. Declared errors come first, bugs last. */
const builtIn: readonly ClassifyRule[] = [
  declaredRule,
  postgresRule,
  kafkaRule,
  nodeRule,
  httpRule,
  abortRule,
  schemaRule,
];

/**
 * Classifies an error by category and certainty.
 * `extra` rules run before the built-in ones. An error that no rule matches is classified by its `cause`, then by the
 * last rule: TypeError and the like are bugs, everything else is `otherwise`. Both have the certainty of `otherwise`, since
 * only the caller knows what a rollback takes back.
 * @example
 * ```ts
 * import { classify } from 'convergekit';
 * import { bank } from './shop.ts';
 *
 * await bank.charge({ orderId: 'o-1', cents: 4_999 }, 'charge:o-1').catch((error: unknown) => {
 *   const { category, certainty, code } = classify(error); // 'network', 'unknown', 'ECONNRESET'
 *   if (certainty !== 'not_applied') console.error(`look at the bank before you repeat (${category}, ${code})`);
 * });
 * ```
 */
export function classify(
  error: unknown,
  extra: readonly ClassifyRule[] = [],
  otherwise: Verdict = unclassified,
): Failure {
  return classifyByRules(error, extra, otherwise).failure;
}

function classifyByRules(
  error: unknown,
  extra: readonly ClassifyRule[],
  otherwise: Verdict,
): { readonly failure: Failure; readonly verdict: Verdict } {
  const rules = [...extra, ...builtIn];
  const verdict = firstVerdict(error, rules, 0) ?? bugRule(error, otherwise.certainty) ?? otherwise;
  const { category, certainty, code, structural = false, retryAfterMs } = verdict;
  const failure: Failure = {
    category,
    certainty,
    code,
    message: messageOf(error),
    structural,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    cause: error,
  };
  return { failure, verdict };
}

export interface ClassifierOptions {
  /** Rules that run before the built-in ones. @default none */
  readonly rules?: readonly ClassifyRule[];
  /** The verdict for errors that no rule matches. @default a bug of unknown outcome, code UNCLASSIFIED */
  readonly otherwise?: Verdict;
  /** Called for each error that no rule matches: if they are many, add a rule. @default none */
  readonly onUnknown?: (failure: Failure) => void;
}

/**
 * Creates a `classify` with an application's own rules.
 * @example
 * ```ts
 * import { classifier } from 'convergekit';
 *
 * export const classify = classifier({
 *   // The bank answers 409 to a repeated order: the first one took effect.
 *   rules: [
 *     (error) =>
 *       error instanceof Error && error.message === 'duplicate order'
 *         ? { category: 'business', certainty: 'applied', code: 'DUPLICATE_ORDER' }
 *         : undefined,
 *   ],
 * });
 * ```
 */
export function classifier(options: ClassifierOptions = {}): (error: unknown) => Failure {
  const { rules = [], otherwise = unclassified, onUnknown } = options;
  return (error) => {
    // A copy to compare by identity: a rule may return an equal verdict for an error that the rule matches.
    const unknown: Verdict = { ...otherwise };
    const failure = classifyByRules(error, rules, unknown);
    if (failure.verdict === unknown) onUnknown?.(failure.failure);
    return failure.failure;
  };
}

/** Maximum depth of a chain of causes. A cause may point back to its error. */
const MAX_DEPTH = 5;

function firstVerdict(error: unknown, rules: readonly ClassifyRule[], depth: number): Verdict | undefined {
  for (const rule of rules) {
    const verdict = rule(error);
    if (verdict !== undefined) return verdict;
  }
  if (depth === MAX_DEPTH) return undefined;
  const { cause, errors } = fieldsOf(error);
  const inner = Array.isArray(errors) ? [cause, ...(errors as unknown[]).slice(0, 10)] : [cause];
  const verdicts = inner
    .filter((one) => one !== undefined && one !== null)
    .map((one) => firstVerdict(one, rules, depth + 1))
    .filter((one) => one !== undefined);
  // An AggregateError has several attempts, and one may have been applied: the least certain one decides.
  return verdicts.find(({ certainty }) => certainty !== 'not_applied') ?? verdicts[0];
}

/** Classifies errors that carry both axes themselves. They need not import this package. */
function declaredRule(error: unknown): Verdict | undefined {
  const { category, certainty, code, structural, retryAfterMs } = fieldsOf(error);
  const knownCategory = CATEGORIES.find((known) => known === category);
  const knownCertainty = CERTAINTIES.find((known) => known === certainty);
  if (knownCategory === undefined || knownCertainty === undefined) return undefined;
  return {
    category: knownCategory,
    certainty: knownCertainty,
    code: typeof code === 'string' ? code : 'DECLARED',
    structural: structural === true || knownCategory === 'configuration',
    ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}),
  };
}
