/** A claim about a run, and what a judge found against it. */
export interface Check {
  readonly claim: string;
  /**
   * `always`: a finding is wrong at any time. `at_rest`: it may only be unfinished while something is open.
   * @default always
   */
  readonly holds?: 'always' | 'at_rest';
  /** The number of checked things: a check over nothing proves nothing. */
  readonly looked: number;
  /** What is wrong, each with enough to look it up. */
  readonly findings: readonly string[];
}

export function checkOf(
  claim: string,
  looked: number,
  findings: readonly (Finding | string)[],
  holds: NonNullable<Check['holds']> = 'always',
): Check {
  const texts = findings.map((one) => (typeof one === 'string' ? one : `${one.kind}: ${one.message}`));
  return { claim, holds, looked, findings: texts };
}

/** The judgement of a claim. `not_settled`: something was open, so that what is missing may still come. */
export type Judgement = 'agrees' | 'disagrees' | 'not_settled';

export function judgementOf({ looked, findings, holds = 'always' }: Check, settled: boolean): Judgement {
  if (looked > 0 && findings.length === 0) return 'agrees';
  return settled || holds === 'always' ? 'disagrees' : 'not_settled';
}

/** Returns the worst judgement; a system with open work never agrees as a whole. */
export function overall(checks: readonly Check[], settled: boolean): Judgement {
  if (checks.some((check) => judgementOf(check, settled) === 'disagrees')) return 'disagrees';
  return settled ? 'agrees' : 'not_settled';
}

/** Something that must not be, with enough to look it up. */
export interface Finding<Kind extends string = string> {
  readonly kind: Kind;
  readonly message: string;
}

/** Lists the texts of the rules that do not hold. */
export function unmet(...rules: (readonly [holds: boolean, text: string])[]): string[] {
  return rules.flatMap(([holds, text]) => (holds ? [] : [text]));
}

/** The answers to a client's request, by its idempotency key. */
export interface Answered {
  readonly requestKey: string;
  /** The ids of what the answers named: more than one is a fault. */
  readonly ids: ReadonlySet<string>;
}

/** Finds requests with several results, results without a request, and answers that name what does not exist. */
export function findWrongAnswers(
  what: string,
  there: Iterable<string>,
  answered: readonly Answered[],
): readonly Finding[] {
  const known = new Set(there);
  const named = new Set(answered.flatMap(({ ids }) => [...ids]));
  const finding = (kind: string, message: string): Finding => ({ kind: `${what}_${kind}`, message });
  return [
    ...answered
      .filter(({ ids }) => ids.size !== 1)
      .map(({ requestKey, ids }) =>
        finding('doubled', `${requestKey} was answered with ${ids.size} ${what}s`),
      ),
    ...[...named]
      .filter((id) => !known.has(id))
      .map((id) => finding('missing', `${what} ${id} was promised and is not there`)),
    ...[...known]
      .filter((id) => !named.has(id))
      .map((id) => finding('doubled', `${what} ${id} exists, and no answer named it`)),
  ];
}
