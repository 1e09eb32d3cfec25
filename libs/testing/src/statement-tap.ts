/** A statement that a connection sent. `rows`: the count in its answer, undefined until that came. */
export interface SentStatement {
  readonly text: string;
  readonly rows: number | undefined;
  /** The number of the batch in which it was sent, in its connection: statements of one batch share a round trip. */
  readonly sync: number;
  /** The number of the round trip, in its connection: a statement that is sent before an earlier answer shares its. */
  readonly trip: number;
}

/** The statements of one transaction, with its BEGIN and COMMIT, if it has any. */
export interface SentTransaction {
  /** The name under which the pool was attached. */
  readonly of: string;
  readonly statements: readonly SentStatement[];
}

/** The part of a pool that a tap uses. */
interface TappedPool {
  on(event: 'connect' | 'acquire', listener: (client: never) => void): unknown;
}

/** Records every statement that the connections of pools send, as the server receives them. */
export class StatementTap {
  readonly #transactions: SentTransaction[] = [];
  readonly #known = new WeakSet<WireConnection>();

  /** Attaches a pool: its new connections, and those that it has when it next hands them out. */
  attach(of: string, pool: TappedPool): void {
    const attach = ({ connection }: { readonly connection: WireConnection }): void => {
      if (this.#known.has(connection)) return;
      this.#known.add(connection);
      listen(connection, (statements) => void this.#transactions.push({ of, statements }));
    };
    pool.on('connect', attach);
    pool.on('acquire', attach);
  }

  /** The transactions so far, in the order of their beginnings. */
  get transactions(): readonly SentTransaction[] {
    return this.#transactions;
  }

  clear(): void {
    this.#transactions.length = 0;
  }
}

/** The parts of pg's connection that its types omit. */
interface WireConnection {
  readonly stream: { write: (chunk: Buffer, ...rest: unknown[]) => boolean };
  on(event: 'commandComplete', listener: (message: { readonly text: string }) => void): void;
  on(event: 'readyForQuery', listener: () => void): void;
}

/** A statement under way: answers come in its order, and end with its Sync. */
type Awaited = { -readonly [Name in keyof SentStatement]: SentStatement[Name] };

function listen(connection: WireConnection, begun: (statements: readonly SentStatement[]) => void): void {
  const { stream } = connection;
  const write = stream.write.bind(stream);
  const awaited: Awaited[] = [];
  const parsed = new Map<string, string>();
  let bound = '';
  let syncs = 0;
  let answered = 0;
  let trips = 0;
  let open: Awaited[] | undefined;
  const sent = (text: string): void => {
    if (awaited.length === 0) trips += 1;
    const statement: Awaited = { text, sync: syncs, trip: trips, rows: undefined };
    awaited.push(statement);
    // Statements that share a Sync are one transaction, also without BEGIN.
    const isAlone = open !== undefined && !BEGIN.test(open[0]?.text ?? '') && open[0]?.sync !== syncs;
    if (open === undefined || isAlone || BEGIN.test(text)) begun((open = []));
    open.push(statement);
    if (END.test(text)) open = undefined;
  };
  const message = (kind: string, body: Buffer): void => {
    switch (kind) {
      case 'P': {
        const [name = '', text = ''] = texts(body);
        parsed.set(name, text);
        return;
      }
      case 'B':
        bound = texts(body)[1] ?? '';
        return;
      case 'E':
        return sent(parsed.get(bound) ?? '');
      case 'Q':
        sent(texts(body)[0] ?? '');
        syncs += 1;
        return;
      case 'S':
        syncs += 1;
        return;
      default:
        return;
    }
  };
  stream.write = (chunk, ...rest) => {
    for (let at = 0; at < chunk.length;) {
      const length = chunk.readInt32BE(at + 1);
      message(String.fromCharCode(chunk[at] ?? 0), chunk.subarray(at + 5, at + 1 + length));
      at += 1 + length;
    }
    return write(chunk, ...rest);
  };
  connection.on('commandComplete', ({ text }) => {
    if (awaited[0]?.sync !== answered) return;
    const statement = awaited.shift();
    if (statement !== undefined) statement.rows = Number(/\d+$/.exec(text)?.[0] ?? 0);
  });
  connection.on('readyForQuery', () => {
    // After an error the server skips what was sent before the Sync.
    while (awaited[0]?.sync === answered) awaited.shift();
    answered += 1;
  });
}

/** The first two strings of a message. */
function texts(body: Buffer): readonly string[] {
  return body.toString('utf8').split('\0', 2);
}

const BEGIN = /^\s*(begin|start transaction)\b/i;
const END = /^\s*(commit|rollback(?! to))\b/i;
