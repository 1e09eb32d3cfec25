/**
 * Severity by SQLSTATE. pg hands on field S of the protocol, which the server translates (`lc_messages`: WARNUNG,
 * ATTENTION), and drops field V, which it does not; `lc_messages` is for superusers to set.
 */

/** Whether a notice is a warning: class 00 is for what merely informs. */
export function isWarning({ code }: { readonly code?: string | undefined }): boolean {
  return code?.startsWith('00') !== true;
}

/** Classes with which a session or the whole server ends, besides the errors of one statement that they contain. */
const MAY_END = /^(08|25P|53|57|58|F0|XX)/;

/** Whether an error ended one statement and nothing more: the session goes on, and its transaction was rolled back. */
export function endsStatementOnly(state: string, severity: unknown): boolean {
  if (/^(08|57P)/.test(state)) return false;
  return severity === 'ERROR' || !MAY_END.test(state);
}
