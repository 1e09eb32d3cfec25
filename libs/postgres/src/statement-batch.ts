import type { Connection, Query, QueryResult } from 'pg';
import { pg } from './driver.ts';

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
  /**
   * The name under which a session keeps the statement parsed. Use names only in own sessions, with one text per name.
   * @default parsed each time
   */
  readonly name?: string;
  /** Parse a named statement even if the session has it. @default false */
  readonly parseAgain?: boolean;
}

/** The number of statements that were done when an error ended their batch. */
const doneBefore = new WeakMap<object, number>();

/** Returns how many statements of a batch were done before its error; undefined for an error of no batch. */
export function doneBeforeError(error: unknown): number | undefined {
  return typeof error === 'object' && error !== null ? doneBefore.get(error) : undefined;
}

/**
 * Sends statements as one batch of the extended protocol with a single Sync: after a failure the server skips the rest.
 * The promise settles with all results, or with the error of the first failed statement.
 */
export function batch(
  submit: (query: Query) => void,
  statements: readonly Statement[],
): Promise<readonly QueryResult[]> {
  return new Promise((resolve, reject) => {
    // This query receives the answers; the statements are written below. Its text is for debugging tools.
    let parsed: Record<string, string> = {};
    let done = 0;
    const query = queryOf(statements.at(-1) ?? { text: '', values: [] }, (error, results) => {
      for (const { name, text } of statements)
        if (name !== undefined && error) Reflect.deleteProperty(parsed, name);
        else if (name !== undefined) parsed[name] = text;
      if (error) {
        doneBefore.set(error, done);
        reject(error);
      }
      // A single result is not an array.
      else resolve(Array.isArray(results) ? (results as QueryResult[]) : [results as QueryResult]);
    });
    const internal = query as unknown as QueryInternals;
    const complete = internal.handleCommandComplete.bind(query);
    internal.handleCommandComplete = (...message) => {
      done += 1;
      complete(...message);
    };
    query.submit = (connection) => {
      parsed = (connection as unknown as Internals).parsedStatements;
      // The statements go out in one write: many small writes cost more than the statements.
      const parts: Buffer[] = [];
      for (const statement of statements) addBytes(parts, connection, statement);
      parts.push(SYNC);
      (connection as unknown as Internals)._send(Buffer.concat(parts));
    };
    submit(query);
  });
}

/** Properties of pg that its types omit. */
interface Internals {
  readonly parsedStatements: Record<string, string>;
  _send(bytes: Buffer): void;
  close(what: { readonly type: 'S'; readonly name: string }): void;
}

interface QueryInternals {
  handleCommandComplete(...message: unknown[]): void;
}

const SYNC = Buffer.from([0x53, 0, 0, 0, 4]);

/** Cached bytes of statements without values: BEGIN, COMMIT and some of the kit's own. */
const fixed = new Map<string, Buffer>();

function addBytes(parts: Buffer[], connection: Connection, statement: Statement): void {
  const { text, values, name } = statement;
  if (values.length > 0 || name !== undefined) {
    recordMessages(parts, connection, statement);
    return;
  }
  let bytes = fixed.get(text);
  if (bytes === undefined) {
    const recorded: Buffer[] = [];
    recordMessages(recorded, connection, statement);
    fixed.set(text, (bytes = Buffer.concat(recorded)));
  }
  parts.push(bytes);
}

/** Records the messages that pg would send for a statement, without the Sync. */
function recordMessages(parts: Buffer[], connection: Connection, statement: Statement): void {
  const { name, parseAgain = false } = statement;
  const { parsedStatements } = connection as unknown as Internals;
  const known = name !== undefined && !parseAgain && name in parsedStatements;
  const recorder = new Recorder(parts, connection, known ? { [name]: statement.text } : {});
  // A failed batch may or may not have created the name. Closing a missing one is no error.
  if (name !== undefined && !known) recorder.close({ type: 'S', name });
  queryOf(statement).submit(recorder as unknown as Connection);
}

/** Stands in for a connection while a statement is written, and keeps what pg's own methods send. */
class Recorder {
  readonly parts: Buffer[];
  readonly submittedNamedStatements = {};
  readonly stream = quiet;
  readonly parsedStatements: Record<string, string>;
  readonly parse: Connection['parse'];
  readonly bind: Connection['bind'];
  readonly describe: Connection['describe'];
  readonly execute: Connection['execute'];
  readonly close: Internals['close'];

  constructor(parts: Buffer[], connection: Connection, parsedStatements: Record<string, string>) {
    this.parts = parts;
    this.parsedStatements = parsedStatements;
    /* eslint-disable @typescript-eslint/unbound-method -- they are called on this object, and use nothing but _send */
    this.parse = connection.parse;
    this.bind = connection.bind;
    this.describe = connection.describe;
    this.execute = connection.execute;
    this.close = (connection as unknown as Internals).close;
    /* eslint-enable @typescript-eslint/unbound-method */
  }

  _send(bytes: Buffer): void {
    this.parts.push(bytes);
  }

  sync(): void {
    // The batch has one Sync, at the end.
  }
}

const quiet = { cork: (): void => undefined, uncork: (): void => undefined };

type Settle = (error: Error | undefined | null, results: unknown) => void;

function queryOf({ text, values, name = '' }: Statement, settle?: Settle): Query {
  // pg copies an object with all its descriptors, which costs more than the rest of a Query: hence a text.
  const query = new (pg().Query)(text, [...values], settle);
  // pg uses the simple protocol for a query without values, which would end a batch: hence `extended`.
  return Object.assign(query, { name, queryMode: 'extended' });
}
