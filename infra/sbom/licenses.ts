/** The licenses that may be in what is published: permissive ones, whose terms a user meets by keeping the notices. */
export const ALLOWED: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
]);

/**
 * True for an SPDX expression that the list allows. Pure.
 * Of `OR` one side suffices, of `AND` both are needed; an exception (`WITH`), a name that is not on the list, and no
 * license at all are refused.
 */
export function isAllowed(expression: string, allowed = ALLOWED): boolean {
  const tokens = expression.match(/[()]|[^\s()]+/g) ?? [];
  let at = 0;
  const eat = (token: string): boolean => {
    if (tokens[at]?.toUpperCase() !== token) return false;
    at += 1;
    return true;
  };
  const one = (): boolean => {
    if (eat('(')) {
      const inner = either();
      return eat(')') && inner;
    }
    const name = tokens[at] ?? '';
    at += 1;
    return allowed.has(name);
  };
  const both = (): boolean => {
    let holds = one();
    while (eat('AND')) holds = one() && holds;
    return holds;
  };
  const either = (): boolean => {
    let holds = both();
    while (eat('OR')) holds = both() || holds;
    return holds;
  };
  const holds = either();
  return at === tokens.length && holds;
}
