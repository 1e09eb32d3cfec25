import { type Connection, Query, type QueryResult } from 'pg';

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Parsed once in a session, under this name: for sessions of one's own, one text for a name. @default parsed each time */
  readonly name?: string;
}

/**
 * Statements as one batch of the extended protocol with a single Sync: when one fails, the server runs none behind it.
 * Settles with the result of each, or the error of the first that failed.
 */
export function batch(
  submit: (query: Query) => void,
  statements: readonly Statement[],
): Promise<readonly QueryResult[]> {
  return new Promise((resolve, reject) => {
    // What receives the answers; what is sent is written here. Its text is for those who look on.
    let parsed: Record<string, string> = {};
    const query = queryOf(statements.at(-1) ?? { text: '', values: [] }, (error, results) => {
      for (const { name, text } of statements)
        if (name !== undefined && error) Reflect.deleteProperty(parsed, name);
        else if (name !== undefined) parsed[name] = text;
      if (error) reject(error);
      // One result is not an array.
      else resolve(Array.isArray(results) ? (results as QueryResult[]) : [results as QueryResult]);
    });
    query.submit = (connection) => {
      parsed = (connection as unknown as Internals).parsedStatements;
      // One write: many small ones cost more than the statement.
      const parts = statements.map((statement) => bytesOf(connection, statement));
      (connection as unknown as Internals)._send(Buffer.concat([...parts, SYNC]));
    };
    submit(query);
  });
}

/** What pg has and its types leave out. */
interface Internals {
  readonly parsedStatements: Record<string, string>;
  _send(bytes: Buffer): void;
  close(what: { readonly type: 'S'; readonly name: string }): void;
}

const SYNC = Buffer.from([0x53, 0, 0, 0, 4]);

/** Of statements without values: BEGIN, COMMIT and a few of the kit's own. */
const fixed = new Map<string, Buffer>();

function bytesOf(connection: Connection, statement: Statement): Buffer {
  if (statement.values.length > 0 || statement.name !== undefined) return recorded(connection, statement);
  const { text } = statement;
  let bytes = fixed.get(text);
  if (bytes === undefined) fixed.set(text, (bytes = recorded(connection, statement)));
  return bytes;
}

/** What pg would send for it, without the Sync. */
function recorded(connection: Connection, statement: Statement): Buffer {
  const { name } = statement;
  const known = name !== undefined && name in (connection as unknown as Internals).parsedStatements;
  const recorder = new Recorder(connection, known ? { [name]: statement.text } : {});
  // Whether a batch that failed came as far as the name is not known. To close what is not there is no error.
  if (name !== undefined && !known) recorder.close({ type: 'S', name });
  queryOf(statement).submit(recorder as unknown as Connection);
  return Buffer.concat(recorder.parts);
}

/** Takes the place of a connection while a statement is written: what pg's own methods send is kept. */
class Recorder {
  readonly parts: Buffer[] = [];
  readonly submittedNamedStatements = {};
  readonly stream = quiet;
  readonly parsedStatements: Record<string, string>;
  readonly parse: Connection['parse'];
  readonly bind: Connection['bind'];
  readonly describe: Connection['describe'];
  readonly execute: Connection['execute'];
  readonly close: Internals['close'];

  constructor(connection: Connection, parsedStatements: Record<string, string>) {
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
    // The batch has one, at its end.
  }
}

const quiet = { cork: (): void => undefined, uncork: (): void => undefined };

type Settle = (error: Error | undefined | null, results: unknown) => void;

function queryOf({ text, values, name = '' }: Statement, settle?: Settle): Query {
  // Without values pg would take the simple protocol, which ends a batch.
  return new Query({ name, text, values: [...values], queryMode: 'extended' } as { text: string }, settle);
}
