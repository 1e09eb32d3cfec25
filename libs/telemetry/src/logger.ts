import { AsyncLocalStorage } from 'node:async_hooks';
import { trace } from '@opentelemetry/api';
import pino, { type DestinationStream, type Logger } from 'pino';
import { humanLine } from './human-line.ts';
import { loggableError, type LoggableError, stackText } from './loggable-error.ts';
import { logLevels } from './log-levels.ts';

let root: Logger | undefined;

/** The roots of works that have a destination of their own. */
const scoped = new AsyncLocalStorage<Logger>();

/**
 * Creates a named logger that writes to stderr, so that stdout stays for data.
 * Lines are JSON, or readable text where stderr is a terminal. They have the level of `LOG_LEVEL` (default `info`) and
 * the trace ids of the active span; a fixed list of fields is redacted. Never log payloads: log ids, envelope keys, counts.
 * @example
 * ```ts
 * import { logger } from 'convergekit';
 *
 * const log = logger('payments');
 * log.info({ orderId: 'o-1' }, 'charged');
 * ```
 */
export function logger(name: string, bindings: Readonly<Record<string, unknown>> = {}): Logger {
  const own = scoped.getStore();
  if (own !== undefined) return own.child({ name, ...bindings });
  root ??= makeLogger(levelOf(process.env['LOG_LEVEL']), standardError());
  return root.child({ name, ...bindings });
}

/** Runs `work`, whose loggers write to `destination` at a level as in `LOG_LEVEL`. Works beside it keep theirs. */
export function withLogsTo<T>(destination: DestinationStream, level: string | undefined, work: () => T): T {
  return scoped.run(makeLogger(levelOf(level), destination), work);
}

/** Gives the lines of loggers that are made from now on to `write`. Returns the function that ends it. */
export function captureLogs(level: string, write: (line: string) => void): () => void {
  const before = root;
  root = makeLogger(level, { write });
  return () => void (root = before);
}

/** Creates the root of all loggers for a destination; `logger` uses stderr. */
export function makeLogger(level: string, destination: DestinationStream): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorFields, error: errorFields },
      redact: { paths: [...redaction], censor: '[redacted]' },
      mixin: traceIds,
    },
    destination,
  );
}

function levelOf(text: string | undefined): string {
  const wanted = text?.toLowerCase();
  return logLevels.find((level) => level === wanted) ?? 'info';
}

function standardError(): DestinationStream {
  // Synchronous, so that the last lines before an exit are not lost.
  if (!process.stderr.isTTY) return pino.destination({ fd: 2, sync: true });
  const colour = (process.env['NO_COLOR'] ?? '') === '';
  return { write: (line) => void process.stderr.write(humanLine(line, colour)) };
}

function traceIds(): Record<string, string> {
  const active = trace.getActiveSpan()?.spanContext();
  return active === undefined ? {} : { trace_id: active.traceId, span_id: active.spanId };
}

const secret = ['password', 'secret', 'token', 'apiKey', 'authorization', 'cookie', 'sasl', 'credentials'];
const connection = ['connectionString', 'databaseUrl', 'DATABASE_URL', 'PGPASSWORD', 'url'];
const business = ['payload', 'value', 'data', 'body', 'parameters', 'values'];

/**
 * Fields that are removed from logs, at the top of a line and one level below.
 * The last group holds business data: a payload belongs to its service, not to the logs.
 */
const redaction: readonly string[] = [...secret, ...connection, ...business].flatMap((name) => [
  name,
  `*.${name}`,
]);

/** Serializes an error without the values of data; `stack` names the places in the code. */
function errorFields(error: unknown): Omit<LoggableError, 'frames'> & { readonly stack?: string } {
  const loggable = loggableError(error);
  const { frames, ...fields } = loggable;
  return frames === undefined ? fields : { ...fields, stack: stackText(loggable) };
}
