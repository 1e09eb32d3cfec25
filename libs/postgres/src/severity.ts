/** Classes with errors that end a session or the server; some of them end only one statement. */
const MAY_END = /^(08|25P|53|57|58|F0|XX)/;

/** True if an error ended only its statement: the session continues, its transaction was rolled back. */
export function endsStatementOnly(state: string, severity: unknown): boolean {
  if (/^(08|57P)/.test(state)) return false;
  return severity === 'ERROR' || !MAY_END.test(state);
}
