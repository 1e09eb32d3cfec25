import type { QueryResult } from 'pg';
import { lastFailed } from './last-statement.ts';
import { CommitWatch } from './notify/commit-watch.ts';
import { keptStatementOf, runOwn, settingsStatement } from './own-statement.ts';
import { isOpening, ownOpening, timeoutOpening } from './settings.ts';
import { batch, doneBeforeError, type Statement } from './statement-batch.ts';
import { marksOf } from './statement-marks.ts';
import type { SubmitClient } from './submit-client.ts';

type State =
  /** No transaction: every statement passes through. */
  | { readonly kind: 'plain' }
  /** BEGIN was requested but not sent, and perhaps its settings. */
  | { readonly kind: 'asked'; readonly opening: readonly Statement[] }
  /** BEGIN and the first statement were sent. Resolves to the error of either: only a rollback can follow it. */
  | { readonly kind: 'begun'; readonly failure: Promise<Error | undefined> }
  /** The last statement waits for COMMIT. */
  | {
      readonly kind: 'closing';
      readonly last: Statement;
      readonly answer: PromiseWithResolvers<QueryResult>;
    };

const BEGIN = /^(begin|start transaction)\b/;
const COMMIT: Statement = { text: 'commit', values: [] };

/**
 * A connection that sends BEGIN with the first statement, and COMMIT with a known last statement (`sendLast`). Each
 * saves one round trip. Statements sent together are one batch with one Sync: if BEGIN fails (it was cancelled), the
 * server does not run the statement, which would otherwise commit on its own. A transaction without statements sends
 * nothing. Statements reach the server in the given order.
 */
export class BeginWithFirst {
  readonly #client: SubmitClient;
  readonly #commits: CommitWatch;
  #state: State = { kind: 'plain' };
  /** The number of statements that wait for the first answer; later statements queue behind them. */
  #waiting = 0;

  constructor(client: SubmitClient) {
    this.#client = client;
    this.#commits = new CommitWatch(client.notifier);
  }

  release(broken?: boolean): void {
    this.#state = { kind: 'plain' };
    this.#commits.rollback();
    const isUnclean = this.#client.guard?.takeUnclean() === true;
    this.#client.guard?.letGo();
    this.#client.release(isUnclean ? true : broken);
  }

  query(text: string, values: readonly unknown[] = []): Promise<QueryResult> {
    try {
      this.#client.guard?.check(text, values);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
    const answer = this.#route(text, values);
    if (values.length > 0) this.#commits.statement(values, answer);
    else if (text === 'commit') this.#commits.commit(answer);
    else if (text === 'rollback') this.#commits.rollback();
    else if (BEGIN.test(text)) this.#commits.begin();
    return answer;
  }

  #route(text: string, values: readonly unknown[]): Promise<QueryResult> {
    const state = this.#state;
    const ends = values.length === 0 && (text === 'commit' || text === 'rollback');
    switch (state.kind) {
      case 'plain':
        if (marksOf(values).kind === 'own') return runOwn(this.#client, { text, values });
        if (values.length > 0) return this.#hold({ text, values }) ?? this.#send(text, values);
        if (!BEGIN.test(text)) return this.#client.query(text, []);
        this.#state = { kind: 'asked', opening: [{ text, values: [] }, ...this.#timeout()] };
        return Promise.resolve(nothing('BEGIN'));
      case 'asked':
        if (isOpening(text)) {
          this.#state = { kind: 'asked', opening: [...state.opening, this.#settings(text)] };
          return Promise.resolve(nothing('SELECT'));
        }
        if (!ends) return this.#first(state.opening, text, values);
        this.#state = { kind: 'plain' };
        return Promise.resolve(nothing(text.toUpperCase()));
      case 'begun':
        return this.#behind(state.failure, text, values, ends);
      case 'closing': {
        const { last, answer } = state;
        this.#state = { kind: 'plain' };
        if (text === 'commit') return this.#commitWith(last, answer);
        this.#client.query(last.text, [...last.values]).then(answer.resolve, answer.reject);
        return this.#route(text, values);
      }
    }
  }

  #settings(asked: string): Statement {
    return settingsStatement(this.#client, asked === ownOpening() ? 'begun' : 'shared');
  }

  /** Returns the timeout statement. A session of our own has it already: see `connect`. */
  #timeout(): Statement[] {
    const { statementTimeoutMs } = this.#client;
    if (statementTimeoutMs === 0 || this.#client.session() !== undefined) return [];
    return [{ text: timeoutOpening(statementTimeoutMs), values: [] }];
  }

  /** Sends one statement within the transaction. */
  async #send(text: string, values: readonly unknown[]): Promise<QueryResult> {
    const statement = this.#kept(text, values);
    if (statement.name === undefined) return this.#client.query(text, [...values]);
    const [result] = await this.#batch([statement]);
    return result as QueryResult;
  }

  #kept(text: string, values: readonly unknown[]): Statement {
    return keptStatementOf(this.#client, { text, values });
  }

  /** Holds a last statement back until COMMIT. */
  #hold(statement: Statement): Promise<QueryResult> | undefined {
    const { last } = marksOf(statement.values);
    const session = last === undefined ? undefined : this.#client.session();
    if (last === undefined || session === undefined) return undefined;
    const name = last(session);
    if (name === undefined) return undefined;
    const answer = Promise.withResolvers<QueryResult>();
    this.#state = { kind: 'closing', last: { ...statement, name }, answer };
    return answer.promise;
  }

  async #commitWith(last: Statement, answer: PromiseWithResolvers<QueryResult>): Promise<QueryResult> {
    try {
      const [answered, committed] = await this.#batch([last, COMMIT]);
      answer.resolve(answered as QueryResult);
      return committed as QueryResult;
    } catch (error) {
      if (doneBeforeError(error) === 0) lastFailed(error);
      answer.reject(error);
      throw error;
    }
  }

  async #first(
    opening: readonly Statement[],
    text: string,
    values: readonly unknown[],
  ): Promise<QueryResult> {
    // A text without values may contain several statements, which only the simple protocol accepts.
    const opened = this.#batch(values.length === 0 ? opening : [...opening, this.#kept(text, values)]);
    const failure = opened.then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    this.#state = { kind: 'begun', failure };
    if (values.length === 0) return this.#behind(failure, text, values, false);
    const results = await opened;
    this.#passAll();
    return results.at(-1) as QueryResult;
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
      return this.#send(text, values);
    }
    if (ends) return this.#client.query('rollback', []);
    throw failure;
  }

  #passAll(): void {
    if (this.#waiting === 0 && this.#state.kind === 'begun') this.#state = { kind: 'plain' };
  }

  #batch(statements: readonly Statement[]): Promise<readonly QueryResult[]> {
    return batch((query) => this.#client.submit(query), statements);
  }
}

/** The answer of a statement that is not sent. */
export function nothing(command: string): QueryResult {
  return { command, rowCount: null, oid: 0, fields: [], rows: [] };
}
