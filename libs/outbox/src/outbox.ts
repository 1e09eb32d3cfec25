import type { DomainEvent, EventDefinition } from '@convergekit/contracts';
import { MAX_PAYLOAD_BYTES } from '@convergekit/contracts/engine';
import type { Executor } from '@convergekit/postgres';
import { executorOf } from '@convergekit/postgres/engine';
import { type Clock, type NewId, newUuidV7, type Random, systemClock, systemRandom } from '@convergekit/core';
import { attributeNames, injectSpan, spanNames } from '@convergekit/telemetry/engine';
import type { Kysely, Transaction } from 'kysely';
import { OutboxError } from './errors.ts';
import {
  type AppendContext,
  type AppendEvent,
  type EventRow,
  type EventAttributes,
  rowOf,
  type RowSettings,
} from './event-row.ts';
import { insertLast, insertRows } from './insert.ts';
import { nameRefusal } from './limit.ts';
import { type Options, runTransaction, type Work } from './transaction.ts';

export interface OutboxOptions {
  /** Makes the ids of events. Ids that grow with time keep the index small. @default UUIDv7 */
  readonly ids?: NewId;
  /** The clock of waits before a rerun; a test gives a manual one. @default the system's clock */
  readonly clock?: Clock;
  /** Random numbers for the jitter of those waits; a test gives seeded ones. @default Math.random */
  readonly random?: Random;
  /** Maximum size of a payload in bytes, up to 900,000 (the table's limit). @default 900_000 */
  readonly maxBytes?: number;
  /** Maximum length of a chain of handlers that answer each other, before `loop_suspected`. @default 32 */
  readonly maxHops?: number;
  /**
   * Idle limit of a transaction between insert and commit, in milliseconds: it holds the keys' locks. The server then ends
   * the session. @default 30_000
   */
  readonly idleTimeoutMs?: number;
  /**
   * Notify the relay after each commit, so that it need not poll quickly: from another connection of the same pool, at
   * most once in 5 ms. Nothing waits for it. It works on pools that `connect` made. @default true
   */
  readonly notify?: boolean;
}

/** The transactions of one database: `Outbox.transaction` without its first argument. */
export interface TransactionFunction<DB, Types extends string = string> {
  <T>(fn: Work<DB, T, Types>): Promise<T>;
  <T>(options: Options, fn: Work<DB, T, Types>): Promise<T>;
}

/** `Types`: the types of the events that it takes. */
export interface Outbox<Types extends string = string> {
  /** Returns the transactions of one database, as a service gives them to its parts: `transaction(fn)`. */
  for<DB>(db: Kysely<DB>): TransactionFunction<DB, Types>;
  /**
   * Runs `fn` in a transaction that writes its events last, before the commit: both or neither. It is rerun as a whole
   * on 40001, 40P01 and a migration underneath it, so `fn` must have no effect outside `tx`. A nested call (same `db`,
   * or the outer `tx`) joins the outer transaction; when it fails, the outer one cannot commit.
   */
  transaction<DB, T>(db: Kysely<DB> | Transaction<DB>, fn: Work<DB, T, Types>): Promise<T>;
  /**
   * Runs `fn` once per request key. A repeat gets the stored result (as JSON: a Date is a string).
   * Other content under the key is refused with REQUEST_KEY_REUSED.
   */
  transaction<DB, T>(db: Kysely<DB> | Transaction<DB>, options: Options, fn: Work<DB, T, Types>): Promise<T>;
  /**
   * Writes events in the caller's own transaction, in array order.
   * Call it as the last statement before the commit: it holds the locks of the events' keys until then. Call it once per
   * transaction, since a second call may deadlock with another transaction (40P01).
   */
  append(
    executor: Executor,
    events: readonly (DomainEvent | AppendEvent)[],
    context?: AppendContext,
  ): Promise<{ readonly ids: readonly string[] }>;
}

/** An outbox for packages of the kit. */
export interface EngineOutbox extends Outbox {
  /**
   * Writes events as the last statement of a transaction, sent together with its COMMIT where the session is known. If the
   * statement fails then, COMMIT rejects with its error: see `failedWithCommit`.
   */
  appendLast<DB>(tx: Transaction<DB>, events: readonly AppendEvent[]): Promise<void>;
}

/**
 * Creates the write side for these events. All other events are refused.
 * @example
 * ```ts
 * import { createOutbox } from 'convergekit/postgres';
 * import { database, orderPlaced } from './shop.ts';
 *
 * const outbox = createOutbox([orderPlaced]);
 * await outbox.transaction(database.db, async ({ tx, emit }) => {
 *   const order = { orderId: 'o-1', cents: 4_999 };
 *   await tx.insertInto('orders').values({ ...order, state: 'placed' }).execute();
 *   emit(orderPlaced(order)); // with the row, or not at all
 * });
 * ```
 */
export function createOutbox<const Type extends string>(
  events: readonly EventDefinition<Type>[],
  options: OutboxOptions = {},
): Outbox<Type> {
  return createEngineOutbox(events, options);
}

export function createEngineOutbox(
  events: readonly EventDefinition[],
  options: OutboxOptions = {},
): EngineOutbox {
  const { clock = systemClock, random = systemRandom, notify = true } = options;
  const { idleTimeoutMs = 30_000, maxBytes = MAX_PAYLOAD_BYTES, maxHops = 32, ids = newUuidV7 } = options;
  checkNumber('maxBytes', maxBytes, MAX_PAYLOAD_BYTES);
  checkNumber('maxHops', maxHops, 1_000_000);
  checkNumber('idleTimeoutMs', idleTimeoutMs, 2_147_483_647);
  const declared = new Map(events.map((event) => [nameOf(event), event]));
  const row: RowSettings = { newId: ids, maxBytes, maxHops, inject: injectCreated };
  const toRow = (event: DomainEvent | AppendEvent, context: AppendContext): EventRow => {
    // An event with its own id comes from the kit (a handler, a failure event), not from the application.
    const definition = declared.get(nameOf(event));
    if (!('id' in event) && definition === undefined) throw notDeclaredError(event);
    const starts = definition?.starts;
    return rowOf(event, starts === undefined ? context : { ...context, starts }, row);
  };
  const settings = { clock, random, idleTimeoutMs, notify, toRow };
  function transaction<DB, T>(
    db: Kysely<DB> | Transaction<DB>,
    ...rest: readonly [Work<DB, T>] | readonly [Options, Work<DB, T>]
  ): Promise<T> {
    const [chosen, fn] = rest.length === 1 ? [{}, rest[0]] : rest;
    return runTransaction(db, chosen, fn, settings);
  }
  return {
    transaction,
    for:
      <DB>(db: Kysely<DB>) =>
      <T>(...rest: readonly [Work<DB, T>] | readonly [Options, Work<DB, T>]) =>
        transaction(db, ...rest),
    append: async (executor, list, context = {}) => {
      const rows = list.map((event) => toRow(event, context));
      if (rows.length > 0) await insertRows(executor, rows, settings);
      return { ids: rows.map((written) => written.eventId) };
    },
    appendLast: async (tx, list) => {
      const rows = list.map((event) => toRow(event, {}));
      if (rows.length === 0) return;
      const last = await insertLast(tx as Transaction<unknown>, rows, settings, () => true);
      if (last === undefined) await insertRows(executorOf(tx), rows, settings);
      else if (last.session === undefined)
        await last.written.catch((error: unknown) => {
          throw nameRefusal(error);
        });
    },
  };
}

function nameOf({ type, version }: { readonly type: string; readonly version: number }): string {
  return `${type} v${version}`;
}

function notDeclaredError(event: AppendEvent): OutboxError {
  return new OutboxError(
    `${nameOf(event)} is not among the events that this outbox was created with. Add it to \`emits\` of defineService(), or to createOutbox([…]) where you made it, so that topics and schemas are checked for it as well.`,
    { code: 'EVENT_NOT_DECLARED', category: 'bug' },
  );
}

function checkNumber(name: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new OutboxError(`createOutbox: ${name} is ${value}, but must be a whole number from 1 to ${most}.`, {
    code: 'OPTION_INVALID',
    category: 'configuration',
  });
}

/** Injects the span `create <topic>` (messaging conventions), to which consumers and the relay's send are linked. */
function injectCreated(carrier: Record<string, string>, { eventId, topic, type }: EventAttributes): void {
  injectSpan(carrier, spanNames.create(topic), {
    kind: 'producer',
    attributes: {
      [attributeNames.system]: 'kafka',
      [attributeNames.operation]: 'create',
      [attributeNames.operationType]: 'create',
      [attributeNames.destination]: topic,
      [attributeNames.eventId]: eventId,
      [attributeNames.type]: type,
    },
  });
}
