import { fieldsOf } from '@convergekit/core/engine';
import { safeMessage } from './safe-message.ts';

/** An error without the values of data: what may stand in a log. */
export interface LoggableError {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly category?: string;
  readonly certainty?: string;
  /** The places in the code, innermost first, one a line. */
  readonly frames?: string;
  readonly cause?: LoggableError;
}

interface LoggableOptions {
  /** Removes values from a message. @default the message is used as it is */
  readonly hide?: (text: string) => string;
}

const MAX_CAUSES = 5;
/** The longest text that is looked at, and the longest message that is logged, in characters. */
const READ_LENGTH = 8_192;
const SHOWN_LENGTH = 1_000;

/**
 * Extracts a fixed list of fields from an error.
 * Drivers attach rows, parameters and whole responses to their errors (Postgres's DETAIL quotes the failing row): copying
 * every property would put payloads into logs. Messages that quote values by construction are reduced to code and path.
 */
export function loggableError(error: unknown, options: LoggableOptions = {}, depth = 0): LoggableError {
  const hide = options.hide ?? ((text: string) => text);
  const message = hide(safeMessage(error).slice(0, READ_LENGTH)).slice(0, SHOWN_LENGTH);
  if (!(error instanceof Error)) return { type: typeof error, message };
  const fields = fieldsOf(error);
  const { name, cause } = fields;
  const frames = framesOf(fields);
  return {
    type: typeof name === 'string' ? name : 'Error',
    message,
    ...text(fields, 'code'),
    ...text(fields, 'category'),
    ...text(fields, 'certainty'),
    ...(frames === '' ? {} : { frames }),
    ...(cause === undefined || depth >= MAX_CAUSES
      ? {}
      : { cause: loggableError(cause, options, depth + 1) }),
  };
}

/** Formats an error and its causes with their places in the code, as lines of text. */
export function stackText({ type, message, frames, cause }: LoggableError): string {
  const own = [`${type}: ${message}`, ...(frames === undefined ? [] : [frames])].join('\n');
  return cause === undefined ? own : `${own}\ncaused by ${stackText(cause)}`;
}

/** A line of a stack that names a place: `at name (file:line:column)`, or a place without a file. */
const FRAME = /^\s+at .*(?::\d+:\d+\)?|\(<anonymous>\)|\(native\)|<anonymous>|\(index \d+\))$/;

/** The frames of an error's stack. The message is cut off first: its lines may look like frames. */
function framesOf({ stack, message }: Readonly<Record<string, unknown>>): string {
  if (typeof stack !== 'string') return '';
  const shown = typeof message === 'string' ? message : '';
  const at = shown === '' ? -1 : stack.indexOf(shown);
  // A message that was changed after the error was made is not in the stack.
  const after = at < 0 ? stack : stack.slice(at + shown.length);
  return after
    .split('\n')
    .filter((line) => FRAME.test(line))
    .join('\n');
}

function text<Name extends string>(
  fields: Readonly<Record<string, unknown>>,
  name: Name,
): { [N in Name]?: string } {
  const value = fields[name];
  return typeof value === 'string' ? ({ [name]: value } as { [N in Name]?: string }) : {};
}
