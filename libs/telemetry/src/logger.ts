import { trace } from '@opentelemetry/api';
import pino, { type DestinationStream, type Logger } from 'pino';
import { errorFields } from './error-fields.ts';
import { humanLine } from './human-line.ts';
import { redaction } from './redaction.ts';

/** The levels that `LOG_LEVEL` takes, in falling order of detail. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

let root: Logger | undefined;

/**
 * A named logger. Lines go to stderr, so that stdout stays for data: JSON, or one readable line where stderr is a
 * terminal. `LOG_LEVEL` (default `info`), trace ids of the active span on each line, a fixed list of redacted fields.
 * Payloads are never logged: pass ids, keys of the envelope, counts.
 */
export function logger(name: string, bindings: Readonly<Record<string, unknown>> = {}): Logger {
  root ??= makeLogger(levelOf(process.env['LOG_LEVEL']), standardError());
  return root.child({ name, ...bindings });
}

/** The root of all loggers over any destination; `logger` uses stderr. */
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
  // Synchronous, so that the last lines before an exit are never lost.
  if (!process.stderr.isTTY) return pino.destination({ fd: 2, sync: true });
  const colour = (process.env['NO_COLOR'] ?? '') === '';
  return { write: (line) => void process.stderr.write(humanLine(line, colour)) };
}

function traceIds(): Record<string, string> {
  const active = trace.getActiveSpan()?.spanContext();
  return active === undefined ? {} : { trace_id: active.traceId, span_id: active.spanId };
}
