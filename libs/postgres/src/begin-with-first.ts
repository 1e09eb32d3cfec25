import { type PoolClient, Query, type QueryResult } from 'pg';

/** What it needs of a connection. */
export interface SubmitClient {
  query(text: string, values: unknown[]): Promise<QueryResult>;
  submit(query: Query): void;
  release(broken?: boolean): void;
}

export function submitClient(client: PoolClient): SubmitClient {
  return {
    query: (text, values) => client.query(text, values),
    submit: (query) => void client.query(query),
    release: (broken) => client.release(broken),
  };
}

type State =
  /** Everything passes. */
  | { readonly kind: 'plain' }
  /** BEGIN was asked for and not sent. */
  | { readonly kind: 'asked'; readonly begin: string }
  /** BEGIN and the first statement are on their way. Gives the error of either: nothing but a rollback can follow it. */
  | { readonly kind: 'begun'; readonly failure: Promise<Error | undefined> };

const BEGIN = /^(begin|start transaction)\b/;

/**
 * A connection whose transactions begin together with their first statement: one round trip less for each. Both go out
 * as one batch with one Sync, so a BEGIN that fails (somebody cancels just then) keeps the server from running the
 * statement, which without it would commit on its own. A transaction without a statement is none, and costs nothing.
 * Statements reach the server in the order in which they were given.
 */
export class BeginWithFirst {
  readonly #client: SubmitClient;
  #state: State = { kind: 'plain' };
  /** Statements that wait for the first one's answer; until they are on their way, others line up behind them. */
  #waiting = 0;

  constructor(client: SubmitClient) {
    this.#client = client;
  }

  release(broken?: boolean): void {
    this.#state = { kind: 'plain' };
    this.#client.release(broken);
  }

  query(text: string, values: readonly unknown[] = []): Promise<QueryResult> {
    const state = this.#state;
    const ends = values.length === 0 && (text === 'commit' || text === 'rollback');
    switch (state.kind) {
      case 'plain':
        if (values.length > 0 || !BEGIN.test(text)) return this.#client.query(text, [...values]);
        this.#state = { kind: 'asked', begin: text };
        return Promise.resolve(nothing('BEGIN'));
      case 'asked':
        if (!ends) return this.#first(state.begin, text, values);
        this.#state = { kind: 'plain' };
        return Promise.resolve(nothing(text.toUpperCase()));
      case 'begun':
        return this.#behind(state.failure, text, values, ends);
    }
  }

  async #first(begin: string, text: string, values: readonly unknown[]): Promise<QueryResult> {
    // Without values a text may be several statements, which only the simple protocol takes.
    const opened =
      values.length === 0 ? this.#client.query(begin, []) : batch(this.#client, begin, text, values);
    const failure = opened.then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    this.#state = { kind: 'begun', failure };
    if (values.length === 0) return this.#behind(failure, text, values, false);
    const answer = await opened;
    this.#passAll();
    return answer;
  }

  async #behind(
    before: Promise<Error | undefined>,
    text: string,
    values: readonly unknown[],
    ends: boolean,
  ): Promise<QueryResult> {
    this.#waiting += 1;
    const failure = await before;
    this.#waiting -= 1;
    if (ends) this.#state = { kind: 'plain' };
    if (failure === undefined) {
      this.#passAll();
      return this.#client.query(text, [...values]);
    }
    if (ends) return this.#client.query('rollback', []);
    throw failure;
  }

  #passAll(): void {
    if (this.#waiting === 0 && this.#state.kind === 'begun') this.#state = { kind: 'plain' };
  }
}

/** BEGIN and a statement with values, one Sync behind both. */
function batch(
  client: SubmitClient,
  begin: string,
  text: string,
  values: readonly unknown[],
): Promise<QueryResult> {
  return new Promise((resolve, reject) => {
    const query = new Query({ text, values: [...values] }, (error, result: unknown) => {
      const results = result as readonly QueryResult[];
      if (!error) resolve(results[1] as QueryResult);
      else reject(error);
    });
    const submit = query.submit.bind(query);
    query.submit = (connection) => {
      connection.stream.cork();
      connection.parse({ name: '', text: begin, types: [] }, true);
      connection.bind({}, true);
      connection.execute({}, true);
      submit(connection);
      connection.stream.uncork();
    };
    client.submit(query);
  });
}

function nothing(command: string): QueryResult {
  return { command, rowCount: null, oid: 0, fields: [], rows: [] };
}
