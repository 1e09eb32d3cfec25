import { CATEGORIES, CERTAINTIES, type Failure } from '@convergekit/core';
import { httpRule } from './classify-http.ts';
import { kafkaRule } from './classify-kafka.ts';
import { abortRule, bugRule, nodeRule, schemaRule } from './classify-node.ts';
import { postgresRule } from './classify-postgres.ts';
import { fieldsOf, messageOf } from './error-fields.ts';
import { type ClassifyRule, unclassified, type Verdict } from './verdict.ts';

/** In order: the first verdict counts. Errors that name their own axes come first, wrong code last. */
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
 * Puts an error on the two axes. `extra` rules are asked before the built-in ones. An error that no rule knows is
 * judged by its `cause`, then by the last resort: TypeError and friends are bugs, all else is `otherwise`.
 */
export function classify(
  error: unknown,
  extra: readonly ClassifyRule[] = [],
  otherwise: Verdict = unclassified,
): Failure {
  return classifiedBy(error, extra, otherwise).failure;
}

function classifiedBy(
  error: unknown,
  extra: readonly ClassifyRule[],
  otherwise: Verdict,
): { readonly failure: Failure; readonly verdict: Verdict } {
  const rules = [...extra, ...builtIn];
  const verdict = firstVerdict(error, rules, 0) ?? bugRule(error) ?? otherwise;
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
  /** Asked before the built-in rules. @default none */
  readonly rules?: readonly ClassifyRule[];
  /** What an error is that no rule knows. @default a bug of unknown outcome, code UNCLASSIFIED */
  readonly otherwise?: Verdict;
  /** Told of every error that no rule knows: count it, and write a rule when there are many. @default nobody is told */
  readonly onUnknown?: (failure: Failure) => void;
}

/** `classify` with an application's own rules, for everything that takes a `classify`. */
export function classifier(options: ClassifierOptions = {}): (error: unknown) => Failure {
  const { rules = [], otherwise = unclassified, onUnknown } = options;
  return (error) => {
    // A mark of its own: a rule may give the same verdict for an error that it knows.
    const unknown: Verdict = { ...otherwise };
    const failure = classifiedBy(error, rules, unknown);
    if (failure.verdict === unknown) onUnknown?.(failure.failure);
    return failure.failure;
  };
}

/** Deeper chains are cut: a cause may point back to its error. */
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
  // Of several attempts in one (an AggregateError) one may have been applied: the least certain speaks for all.
  return verdicts.find(({ certainty }) => certainty !== 'not_applied') ?? verdicts[0];
}

/** Any error that carries both axes, of this package or of one that does not import it. */
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
