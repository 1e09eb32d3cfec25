import { stripVTControlCharacters } from 'node:util';

const colours: Readonly<Record<string, string>> = {
  warn: '\u001b[33m',
  error: '\u001b[31m',
  fatal: '\u001b[31m',
};
const dim = '\u001b[2m';
const reset = '\u001b[0m';
const hidden = new Set([
  'level',
  'time',
  'pid',
  'name',
  'consumer',
  'msg',
  'reason',
  'err',
  'error',
  'trace_id',
  'span_id',
  'stack',
]);

/** Formats a JSON log line for a terminal: `12:03:04 relay: leading  source=orders term=3`; a consumer’s begins with its name. */
export function humanLine(line: string, colour: boolean): string {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const level = show(fields['level']);
  const time = show(fields['time']).slice(11, 19);
  const rest = Object.entries(fields)
    .filter(([name]) => !hidden.has(name))
    .map(([name, value]) => `${name}=${show(value)}`)
    .join(' ');
  const error = errorText(fields['err'] ?? fields['error']) + reasonText(fields['reason']);
  const name = show(fields['consumer'] ?? fields['name']);
  const paint = (code: string | undefined, text: string): string =>
    colour && code !== undefined ? `${code}${text}${reset}` : text;
  const word = level === 'info' || level === 'debug' ? '' : `${level.toUpperCase()} `;
  const body = paint(colours[level], `${word}${show(fields['msg'])}${error}`);
  const tail = rest === '' ? '' : `  ${paint(dim, rest)}`;
  return `${paint(dim, time)} ${name}: ${body}${tail}${stackLines(fields['stack'])}\n`;
}

function show(value: unknown): string {
  if (value === undefined) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  // Control sequences in a value must not move the cursor of the terminal.
  return stripVTControlCharacters(text).replaceAll('\n', ' ');
}

/** The places in the code of a failed handler, one a line. */
function stackLines(stack: unknown): string {
  if (typeof stack !== 'string') return '';
  return stack
    .split('\n')
    .map((line) => `\n    ${show(line)}`)
    .join('');
}

function reasonText(reason: unknown): string {
  return reason === undefined ? '' : `: ${show(reason)}`;
}

function errorText(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { message, stack } = error as { message?: unknown; stack?: unknown };
  const debug = process.env['LOG_LEVEL'] === 'debug' || process.env['LOG_LEVEL'] === 'trace';
  return debug && typeof stack === 'string' ? `\n${stack}` : `: ${show(message)}`;
}
