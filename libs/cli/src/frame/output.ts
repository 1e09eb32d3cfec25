import { styleText } from 'node:util';
import type { Verdict } from '@convergekit/operate';

/** The streams of a command: only data goes to stdout, so that `… | jq` works. */
export interface Streams {
  /** The answers of an operator, where it is a terminal. @default none: a command that asks is refused */
  readonly stdin?: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  /** Receives answers, which scripts may read. */
  readonly stdout: NodeJS.WritableStream;
  /** Receives errors and remarks. */
  readonly stderr: NodeJS.WritableStream;
}

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
}

export interface Output {
  readonly json: boolean;
  /** Writes the result of a command: `value` as a JSON document with --json, else `text`. */
  result(value: unknown, text: () => readonly string[]): void;
  /** Writes one of many results as it comes: with --json a JSON document a line. */
  line(value: unknown, text: () => string): void;
  /** Reports progress to a person; silent with --quiet. */
  progress(text: string): void;
  mark(verdict: Verdict): string;
}

const marks = {
  ok: ['green', 'ok'],
  warn: ['yellow', 'warn'],
  fail: ['red', 'FAIL'],
  skip: ['dim', 'skip'],
} as const;

export function createOutput(streams: Streams, options: OutputOptions): Output {
  return {
    json: options.json,
    result: (value, text) => {
      const lines = options.json ? JSON.stringify(value ?? null, plain, 2).split('\n') : text();
      if (lines.length > 0) streams.stdout.write(`${lines.map(oneLine).join('\n')}\n`);
    },
    line: (value, text) => {
      streams.stdout.write(`${oneLine(options.json ? JSON.stringify(value, plain) : text())}\n`);
    },
    progress: (text) => {
      if (!options.quiet) streams.stderr.write(`${printable(text)}\n`);
    },
    mark: (verdict) => {
      const [colour, word] = marks[verdict];
      // styleText leaves colours out for NO_COLOR and where the stream is no terminal.
      return styleText(colour, word.padEnd(4), { stream: streams.stdout });
    },
  };
}

// Matches C0 and C1 except line feeds, tabs and the colours of `mark`, and what changes the direction of text: a key
// could show another one.
const CONTROL =
  // eslint-disable-next-line no-control-regex -- the pattern matches them
  /[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\u001b(?!\[(?:2|22|31|32|33|39)m)/g;

/** Escapes control characters as JSON does: a value must not move the terminal's cursor, nor hide what follows. */
export function printable(text: string): string {
  return text.replace(CONTROL, escaped);
}

/** Escapes line feeds, too: the value of one row must not look like another row. */
function oneLine(text: string): string {
  return printable(text).replace(/\n/g, escaped);
}

function escaped(one: string): string {
  return `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
