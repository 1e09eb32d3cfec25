import {
  type Expression,
  type ExpressionBuilder,
  sql,
  type Kysely,
  type Selectable,
  type Transaction,
  type Updateable,
} from 'kysely';
import { executorOf } from '@convergekit/postgres';
import { ReconcileError } from '../errors.ts';
import { countChanged, joinLocked, type LockedRow } from './locked-rows.ts';

/** The row of one table that the guard changes. `key` finds it, by column; several rows need `guard.lock`. */
export interface GuardedRows<Table> {
  /** The columns and values by which the row is found: `{ sku: key }`. */
  readonly key: Partial<Selectable<Table>>;
  /** The column of the version. */
  readonly version: keyof Table & string;
}

export interface GuardedUpdate<Table> extends GuardedRows<Table> {
  /** Values, or expressions such as sql`clock_timestamp()`. */
  readonly set: {
    readonly [C in keyof Updateable<Table>]?: Updateable<Table>[C] | Expression<Updateable<Table>[C]>;
  };
}

/**
 * Changes rows of actual on the condition that they have the version that was compared.
 * Zero rows = a concurrent write came first: then the whole repair is a conflict and is rolled back.
 */
export interface Guard<DB> {
  /** Updates the row and increases its version, unless `set` sets it. Returns the number of rows. */
  update<T extends keyof DB & string>(table: T, rows: GuardedUpdate<DB[T]>): Promise<number>;
  /** Deletes the row. Returns the number of rows. */
  delete<T extends keyof DB & string>(table: T, rows: GuardedRows<DB[T]>): Promise<number>;
  /**
   * Locks the key's rows (`lock`), reads actual again and compares its version; after that the repair may change
   * the locked rows, each once. Use it for a state of several rows. Rejects if a concurrent write came first.
   */
  lock(): Promise<void>;
}

export interface GuardTarget {
  readonly tx: Transaction<unknown>;
  readonly reconciler: string;
  /** The compared version; null = the row did not exist, or the reconciler has no version. */
  readonly version: bigint | null;
  /** Locks the rows and reads the version again; undefined = the reconciler declares no lock. */
  readonly lock:
    (() => Promise<{ readonly rows: readonly LockedRow[]; readonly version: bigint | null }>) | undefined;
}

/** What the guard did for a repair. */
export interface GuardLedger {
  /** Number of changed rows that were not locked before. */
  readonly rows: number;
  readonly locked: readonly LockedRow[];
  /** True if a concurrent write came first. */
  readonly lost: boolean;
}

/** Creates the guard of one repair, with its ledger. */
export function createGuard({ tx, reconciler, version, lock }: GuardTarget): {
  readonly guard: Guard<unknown>;
  readonly ledger: () => GuardLedger;
} {
  let ledger: GuardLedger = { rows: 0, locked: [], lost: false };
  const record = async (table: string, change: Change): Promise<number> => {
    // Nothing is awaited before the statement where nothing was locked: a repair that forgets its await is noticed.
    const before = ledger.locked.length === 0 ? 0 : await countChanged(executorOf(tx), ledger.locked);
    const result = await change.executeTakeFirstOrThrow();
    const rows = Number('numUpdatedRows' in result ? result.numUpdatedRows : result.numDeletedRows);
    if (rows > 1) throw invalid(reconciler, `changed ${rows} rows of ${table} at once: ${ONE_ROW}`);
    // A locked row that the guard changes is counted with the locked ones.
    const locked = (await countChanged(executorOf(tx), ledger.locked)) - before;
    ledger = { ...ledger, rows: ledger.rows + rows - locked, lost: ledger.lost || rows === 0 };
    return rows;
  };
  const compared = (): string => {
    if (version !== null) return version.toString();
    throw invalid(
      reconciler,
      'has no version to compare: actual did not exist when it was read. Insert the row',
    );
  };
  const rowOf = (table: string, key: Row, column: string) => {
    const where = { ...key, [column]: compared() };
    const open = Object.keys(key).length === 0 || Object.values(key).some((value) => value === undefined);
    if (open) throw invalid(reconciler, `gives ${table} a key without values: ${ONE_ROW}`);
    return (match: ExpressionBuilder<Record<string, Row>, string>) => match.and(where);
  };
  const guard = {
    async update(table: string, { key, version: column, set }: GuardedUpdate<Row>): Promise<number> {
      const increased = column in set ? set : { ...set, [column]: sql`${sql.ref(column)} + 1` };
      const query = rowsOf(tx)
        .updateTable(table)
        .set(increased)
        .where(rowOf(table, key, column));
      return record(table, query);
    },
    async delete(table: string, { key, version: column }: GuardedRows<Row>): Promise<number> {
      const query = rowsOf(tx)
        .deleteFrom(table)
        .where(rowOf(table, key, column));
      return record(table, query);
    },
    async lock(): Promise<void> {
      if (lock === undefined)
        throw invalid(reconciler, 'calls guard.lock, and its reconciler declares no `lock`');
      const now = await lock();
      const lost = now.version !== version;
      ledger = { ...ledger, locked: joinLocked(ledger.locked, now.rows), lost: ledger.lost || lost };
      if (lost) throw new LostRace();
    },
  };
  return { guard, ledger: () => ledger };
}

const ONE_ROW = 'give the columns that find one row, or change several after guard.lock';

/** Ends a repair whose rows have another version. The ledger says so even if the repair catches it. */
class LostRace extends Error {}

/** An update or a delete of the guard. */
interface Change {
  executeTakeFirstOrThrow(): Promise<{ numUpdatedRows: bigint } | { numDeletedRows: bigint }>;
}

type Row = Record<string, unknown>;

function rowsOf(tx: Transaction<unknown>): Kysely<Record<string, Row>> {
  return tx as unknown as Kysely<Record<string, Row>>;
}

function invalid(reconciler: string, what: string): ReconcileError {
  return new ReconcileError(`the repair of ${reconciler} ${what}`, {
    code: 'REPAIR_INVALID',
    category: 'bug',
  });
}
