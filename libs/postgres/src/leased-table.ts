import type { Executor } from './executor.ts';
import { isOver } from './lease.ts';

/** The columns of a row that a process has claimed. */
type Held<Columns extends string> = Readonly<Record<Columns, string | number | bigint>>;

/** A table whose rows processes claim by leases. Each column is the table's own. */
export interface LeasedColumns<Key extends string, Fence extends string> {
  readonly table: string;
  /** The primary key, with its types. */
  readonly key: Readonly<Record<Key, string>>;
  /** The columns that fence a former holder, with their types: each claim changes one of them. */
  readonly fence: Readonly<Record<Fence, string>>;
  /** The end of the lease. What it means is the table's: the row is due again, or a statement requeues it. */
  readonly lease: string;
  /** The rows whose lease can be renewed. @default all */
  readonly renewable?: string;
  /** @default 'update' */
  readonly lock?: 'update' | 'no key update';
}

/**
 * The statements of a leased table; `one` is its row in their texts, and `picked` the row as it was found.
 * A claim is committed before any work begins, so that no other process takes the row when this connection breaks. Rows are
 * locked in order, and locked ones are passed over: processes wait neither for each other nor for a writer. By the fence,
 * statements of a former holder change nothing. Only the database's clock measures a lease.
 */
export class LeasedTable<Key extends string, Fence extends string> {
  readonly #of: LeasedColumns<Key, Fence>;
  readonly #names: readonly (Key | Fence)[];
  readonly #keys: readonly string[];
  /** The condition that one row is still held. `values` are its parameters, the first ones. */
  readonly mine: string;

  constructor(of: LeasedColumns<Key, Fence>) {
    this.#of = of;
    this.#names = Object.keys({ ...of.key, ...of.fence }) as (Key | Fence)[];
    this.#keys = Object.keys(of.key).map((name) => `one.${name}`);
    this.mine = this.#names.map((name, at) => `one.${name} = $${at + 1}`).join(' and ');
  }

  values(row: Held<Key | Fence>): string[] {
    return this.#names.map((name) => String(row[name]));
  }

  /** The condition that the lease of one row is over. `ms`: a lease of the asker. */
  isOver(ms: string): string {
    return isOver(`one.${this.#of.lease}`, ms);
  }

  /** Selects and locks rows. `rest`: their order and number. */
  pick(where: string, rest = '', columns = this.#keys.join(', '), from = `${this.#of.table} as one`): string {
    return `select ${columns} from ${from} where ${where} ${rest} for ${this.#of.lock ?? 'update'} of one skip locked`;
  }

  /** Selects and locks rows that are still held. `valuesOf` are its parameters, the first ones. */
  pickHeld(where: string): string {
    const types = { ...this.#of.key, ...this.#of.fence };
    const arrays = this.#names.map((name, at) => `$${at + 1}::${types[name]}[]`).join(', ');
    const isSame = this.#names.map((name) => `one.${name} = held.${name}`).join(' and ');
    const from = `unnest(${arrays}) as held (${this.#names.join(', ')}) join ${this.#of.table} as one on ${isSame}`;
    return this.pick(where, '', undefined, from);
  }

  valuesOf(rows: readonly Held<Key | Fence>[]): string[][] {
    return this.#names.map((name) => rows.map((row) => String(row[name])));
  }

  change(picked: string, set: string, returning = this.#keys.join(', ')): string {
    return `with picked as (${picked}) update ${this.#of.table} as one set ${set}
      from picked where ${this.#isPicked()} returning ${returning}`;
  }

  /** Leases picked rows for `ms`, a parameter or a column of `picked`. `set` changes the fence. */
  claim(picked: string, ms: string, set: string, returning: string): string {
    return this.change(picked, `${this.#until(ms)}, ${set}`, returning);
  }

  remove(picked: string): string {
    return `with picked as (${picked}) delete from ${this.#of.table} as one
      using picked where ${this.#isPicked()} returning ${this.#keys.join(', ')}`;
  }

  /** Renews leases. Returns the keys of the renewed ones: not those of locked rows, which need no lease meanwhile. */
  async renew(executor: Executor, rows: readonly Held<Key | Fence>[], leaseMs: number) {
    const held = this.pickHeld(this.#of.renewable ?? 'true');
    const text = this.change(held, this.#until(`$${this.#names.length + 1}`));
    return (await executor.query<Record<Key, string>>(text, [...this.valuesOf(rows), leaseMs])).rows;
  }

  /** Fences what follows in the transaction by a lock. False: the row is held no more. */
  async lock(tx: Executor, row: Held<Key | Fence>): Promise<boolean> {
    const text = `select from ${this.#of.table} as one where ${this.mine} for ${this.#of.lock ?? 'update'}`;
    return (await tx.query(text, this.values(row))).rowCount === 1;
  }

  #until(ms: string): string {
    return `${this.#of.lease} = clock_timestamp() + ${ms}::float8 * interval '1 millisecond'`;
  }

  #isPicked(): string {
    return this.#keys.map((name) => `${name} = ${name.replace('one.', 'picked.')}`).join(' and ');
  }
}
