import type { DomainEvent } from '@convergekit/contracts';
import { inCallOfCode } from '@convergekit/core/engine';
import { DatabaseError, executorOf, kyselyTransaction, type Session } from '@convergekit/postgres/engine';
import type { Clock, Random } from '@convergekit/core';
import type { Kysely, Transaction } from 'kysely';
import { OutboxError } from './errors.ts';
import type { AppendContext, EventRow } from './event-row.ts';
import { answerRest, codeOf, type Frame, frameOf, levelIn, outerOf, within, WORK } from './frame.ts';
import { type AppendSettings, insertLast, insertRows, type Written } from './insert.ts';
import { nameRefusal } from './limit.ts';
import { claimRequest, checkRequestKey, type KeyedRequest, storeResult } from './request-key.ts';
import { type LostCommit, resolveCommit } from './resolve-commit.ts';

/** Nothing, or the sentence that the compiler shows for an event which the outbox refuses. */
type Declared<Type extends string, Types extends string> = string extends Type
  ? unknown
  : Type extends Types
    ? unknown
    : `'${Type}' is no event of this outbox: list its definition in \`emits\` of the service, or give it to createOutbox`;

/** `Types`: the types of the events that the outbox takes. */
export interface OutboxTransaction<DB, Types extends string = string> {
  /** The transaction. Rows written through it commit together with the events. */
  readonly tx: Transaction<DB>;
  /** Validates the event now and writes it just before the commit. Returns its id. */
  emit<Type extends string>(
    this: void,
    event: DomainEvent<unknown, Type> & Declared<Type, Types>,
    context?: AppendContext,
  ): string;
  /**
   * Runs `fn` in a savepoint. An error rolls back the writes and events of `fn`, and passes on. Other code of the
   * transaction (in a `Promise.all`) waits with its statements and savepoints until `fn` ends.
   */
  readonly savepoint: <T>(fn: () => Promise<T>) => Promise<T>;
}

interface OutboxTransactionOptions {
  /**
   * The isolation level. A higher one is rerun more often: see `attempts`. @default the server's default, normally 'read
   * committed'
   */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  /** Maximum number of runs when the database requests a rerun (40001, 40P01). @default 10 */
  readonly attempts?: number;
  /**
   * Ends the wait for a connection when the caller has gone, such as the client of a request: the transaction is not begun
   * then, and rejects with CALLER_GONE. One that has begun is finished. @default waits
   */
  readonly signal?: AbortSignal | undefined;
}

export interface TransactionSettings extends AppendSettings {
  readonly clock: Clock;
  readonly random: Random;
  readonly toRow: (event: DomainEvent, context: AppendContext) => EventRow;
}

/** The function of a transaction. */
export type Work<DB, T, Types extends string = string> = (
  transaction: OutboxTransaction<DB, Types>,
) => Promise<T>;

export type Options = OutboxTransactionOptions &
  (KeyedRequest | { readonly requestKey?: never; readonly request?: never });

export async function runTransaction<DB, T>(
  db: Kysely<DB>,
  options: Options,
  work: Work<DB, T>,
  settings: TransactionSettings,
): Promise<T> {
  if ('requestKey' in options) checkRequestKey(options.requestKey);
  const outer = outerOf(db);
  if (outer === undefined) return runOutermost(db, options, work, settings);
  try {
    return await runOrRepeat(outer, options, work, settings);
  } catch (error) {
    outer.scope.fail(error, levelIn(outer));
    throw error;
  }
}

async function runOutermost<DB, T>(
  db: Kysely<DB>,
  options: Options,
  work: Work<DB, T>,
  settings: TransactionSettings,
): Promise<T> {
  const { clock, random } = settings;
  let last: { result: T; lost: LostCommit | undefined } | undefined;
  try {
    return await kyselyTransaction(db, { ...options, clock, random, settings: 'none' }, async (tx) => {
      last = undefined;
      const frame = frameOf(db, tx, settings.clock, settings.idleTimeoutMs);
      const { root } = frame.scope.levels;
      try {
        const result = await inCallOfCode(codeOf(frame), () =>
          within(frame, root, () => runOrRepeat(frame, options, work, settings)),
        );
        const rows = frame.scope.close();
        const late = await frame.statements.end(WORK);
        if (late !== undefined) throw late;
        await flush(frame, rows, settings);
        last = { result, lost: frame.lost };
        return result;
      } catch (error) {
        // The rollback follows the statements that are still in work.
        answerRest(frame);
        throw error;
      } finally {
        frame.scope.discard();
      }
    });
  } catch (error) {
    if (last?.lost === undefined || !isCommitUnknown(error)) throw nameRefusal(error);
    return await afterLostCommit(db, last.lost, last.result, error, settings);
  }
}

/** Runs the function, or returns the stored answer of its request key. */
async function runOrRepeat<DB, T>(
  frame: Frame,
  options: Options,
  work: Work<DB, T>,
  settings: TransactionSettings,
): Promise<T> {
  const transaction = transactionOf<DB>(frame, settings);
  const { requestKey, request } = options;
  if (requestKey === undefined) return work(transaction);
  const executor = executorOf(transaction.tx);
  const claim = await claimRequest(executor, requestKey, request);
  if (claim.kind === 'repeated') return claim.result as T;
  const result = await storeResult(executor, requestKey, await work(transaction));
  const text = 'select 1 from converge.request where key = $1';
  const lost = { by: { xid: claim.xid }, proof: { text, values: [requestKey] } };
  frame.claims.push({ lost, level: levelIn(frame) });
  return result as T;
}

/**
 * The last written id per session, and its time: ids of the session's later events are higher.
 * It is kept per session only, since a crash may reuse ids, and no session survives a crash.
 */
const floors = new WeakMap<Session, { readonly id: string; readonly at: number }>();

/**
 * Maximum age of a floor. The proof of a lost COMMIT scans the ids above it by the primary key. Those are all events
 * written since. A session with an older floor sends the append before COMMIT, and gets its id from the answer.
 */
const FLOOR_MS = 10_000;

/** Writes the emitted events: with COMMIT if its outcome can be resolved without an answer. */
async function flush(frame: Frame, rows: readonly EventRow[], settings: TransactionSettings): Promise<void> {
  const { clock } = settings;
  frame.lost = frame.claims.find(({ level }) => !level.isUndone)?.lost;
  const eventId = rows.at(-1)?.eventId;
  if (eventId === undefined) return;
  const tx = frame.plainTx as Transaction<unknown>;
  let inSession: Session | undefined;
  const last = await insertLast(tx, rows, settings, (session) => {
    inSession = session;
    const floor = floors.get(session);
    return floor !== undefined && clock.monotonic() - floor.at < FLOOR_MS;
  });
  const wrote = ({ lastId }: Written): void => {
    if (inSession !== undefined) floors.set(inSession, { id: lastId, at: clock.monotonic() });
  };
  const floor = last?.session === undefined ? undefined : floors.get(last.session);
  if (last?.session === undefined || floor === undefined) {
    const written = await (last?.written ?? insertRows(executorOf(tx), rows, settings));
    wrote(written);
    const text = 'select 1 from converge.outbox where id = $1 and event_id = $2';
    frame.lost = { by: { xid: written.xid }, proof: { text, values: [written.lastId, eventId] } };
    return;
  }
  // COMMIT rejects with the same error.
  last.written.then(wrote, () => undefined);
  const text = 'select 1 from converge.outbox where id > $1 and event_id = $2';
  frame.lost = { by: last.session, proof: { text, values: [floor.id, eventId] } };
}

function transactionOf<DB>(frame: Frame, { toRow }: TransactionSettings): OutboxTransaction<DB> {
  const { scope } = frame;
  return {
    tx: frame.tx as Transaction<DB>,
    emit: (event, context = {}) => {
      const row = toRow(event, context);
      scope.add(row, levelIn(frame));
      return row.eventId;
    },
    savepoint: (fn) => {
      const executor = executorOf(frame.plainTx as Transaction<DB>);
      const name = `converge_${(frame.savepoints += 1)}`;
      const statements = {
        begin: () => executor.query(`savepoint ${name}`),
        release: () => executor.query(`release savepoint ${name}`),
        undo: () => executor.query(`rollback to savepoint ${name}`),
      };
      return scope.levels.savepoint(levelIn(frame), statements, (inner) => within(frame, inner, fn));
    },
  };
}

function isCommitUnknown(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === 'COMMIT_UNKNOWN';
}

async function afterLostCommit<DB, T>(
  db: Kysely<DB>,
  lost: LostCommit,
  result: T,
  cause: unknown,
  { clock, random, idleTimeoutMs }: TransactionSettings,
): Promise<T> {
  // The server ends the transaction after the idle timeout at the latest, if COMMIT did not reach it.
  const deadlineMs = idleTimeoutMs + 15_000;
  switch (await resolveCommit(executorOf(db), lost, { clock, random, deadlineMs })) {
    case 'committed':
      return result;
    case 'aborted':
      throw new OutboxError(
        'the connection was lost during COMMIT, and the database says that the transaction was not applied: no row and no event of it exists. It is safe to repeat it.',
        { code: 'COMMIT_NOT_APPLIED', category: 'network', cause },
      );
    case 'unknown':
      throw new OutboxError(
        `the connection was lost during COMMIT, and the database could not say within ${deadlineMs} ms whether the transaction was applied. Look before you repeat it, or use a request key, which makes repeating safe.`,
        { code: 'COMMIT_UNKNOWN', category: 'network', certainty: 'unknown', cause },
      );
  }
}
