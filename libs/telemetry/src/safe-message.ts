import { fieldsOf } from '@convergekit/core/engine';

/**
 * Returns an error's message, reduced where its author quotes values:
 * - a violated schema (zod, or any Standard Schema): code and paths
 * - Postgres's data errors: SQLSTATE with the names of constraint, table and column
 * - a parser's SyntaxError and an assertion: their kind
 * All other messages are returned unchanged.
 */
export function safeMessage(error: unknown): string {
  const { message, issues, code, name } = fieldsOf(error);
  if (Array.isArray(issues) && issues.length > 0) return schemaMessage(error, issues);
  if (typeof code === 'string' && isSqlState(error, code) && !KEPT_CLASSES.has(code.slice(0, 2)))
    return postgresMessage(error, code);
  if (error instanceof SyntaxError) return 'a text could not be parsed (the message quotes it)';
  if (name === 'AssertionError' || code === 'ERR_ASSERTION') return assertionMessage(error);
  const shown = typeof message === 'string' ? message : plainText(error);
  // Errors of Node end with an excerpt of the refused argument.
  return typeof code === 'string' && code.startsWith('ERR_') ? (shown.split(' Received ')[0] ?? '') : shown;
}

/**
 * Classes of SQLSTATE whose messages name tables, columns and settings, but no values: connection, transaction state,
 * login, catalog and schema names, conflicts, wrong SQL, resources, states, operator intervention.
 */
const KEPT_CLASSES: ReadonlySet<string> = new Set([
  '08',
  '0A',
  '25',
  '26',
  '28',
  '3D',
  '3F',
  '40',
  '42',
  '53',
  '55',
  '57',
]);

function isSqlState(error: unknown, code: string): boolean {
  if (!/^(?=.*\d)[0-9A-Z]{5}$/.test(code)) return false;
  return typeof fieldsOf(error)['severity'] === 'string' || /^[0-9]/.test(code);
}

function postgresMessage(error: unknown, code: string): string {
  const fields = fieldsOf(error);
  const named = (['constraint', 'schema', 'table', 'column', 'dataType', 'routine'] as const).flatMap(
    (name) => (typeof fields[name] === 'string' ? [`${words[name]} ${fields[name]}`] : []),
  );
  return `SQLSTATE ${code}${named.length === 0 ? '' : ` (${named.join(', ')})`}`;
}

const words = {
  constraint: 'constraint',
  schema: 'schema',
  table: 'table',
  column: 'column',
  dataType: 'type',
  routine: 'in',
} as const;

const SHOWN_ISSUES = 5;

function schemaMessage(error: unknown, issues: readonly unknown[]): string {
  const { code } = fieldsOf(error);
  const shown = issues.slice(0, SHOWN_ISSUES).map((issue) => {
    const { path, code: kind } = fieldsOf(issue);
    return `${pathText(path)}${typeof kind === 'string' ? ` (${kind})` : ''}`;
  });
  const rest = issues.length - shown.length;
  const what = typeof code === 'string' ? code : 'data does not fit its schema';
  return `${what}: ${shown.join(', ')}${rest > 0 ? `, and ${rest} more` : ''}`;
}

/** The path of a violation. A step that is no identifier may be a key of the data, and is not shown. */
function pathText(path: unknown): string {
  const steps = typeof path === 'string' ? path.split('.') : Array.isArray(path) ? (path as unknown[]) : [];
  const names = steps.map((step) => {
    const { key = step } = fieldsOf(step);
    if (typeof key === 'number') return String(key);
    return typeof key === 'string' && /^(?:\d{1,6}|[A-Za-z_$][\w$]{0,40})$/.test(key) ? key : '…';
  });
  return names.filter((name) => name !== '').length === 0 ? 'the whole' : names.join('.');
}

function assertionMessage(error: unknown): string {
  const { operator } = fieldsOf(error);
  return `an assertion failed${typeof operator === 'string' && /^[\w=]{1,40}$/.test(operator) ? ` (${operator})` : ''}`;
}

function plainText(error: unknown): string {
  if (typeof error === 'object' && error !== null) return 'an object that is no error was thrown';
  return String(error);
}
