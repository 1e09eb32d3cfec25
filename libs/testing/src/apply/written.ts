/** A row with the values that the driver gives. */
export type Row = Readonly<Record<string, unknown>>;

export interface TableSnapshot {
  /** The columns of the primary key; empty without one. */
  readonly keys: readonly string[];
  readonly rows: readonly { readonly row: Row; readonly text: string }[];
}

/** The tables by name; those outside of the schema `public` as `schema.table`. */
export type Snapshot = ReadonlyMap<string, TableSnapshot>;

export interface TableChange {
  /** The rows that are new. */
  readonly inserted: readonly Row[];
  /** The rows whose columns changed, by their primary key. */
  readonly updated: readonly { readonly before: Row; readonly after: Row }[];
  /** The rows that are gone. */
  readonly deleted: readonly Row[];
}

/** The changed tables of a service, by name. An update of a row without a primary key is a deletion and an insertion. */
export type Written = Readonly<Record<string, TableChange>>;

/** Pure: the difference of two snapshots. */
export function writtenBetween(before: Snapshot, after: Snapshot): Written {
  const changes: Record<string, TableChange> = {};
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const change = changeOf(before.get(name), after.get(name));
    if (change.inserted.length + change.updated.length + change.deleted.length > 0) changes[name] = change;
  }
  return changes;
}

const NOTHING: TableSnapshot = { keys: [], rows: [] };

function changeOf(before: TableSnapshot = NOTHING, after: TableSnapshot = NOTHING): TableChange {
  const keys = after.keys.length > 0 ? after.keys : before.keys;
  const old = byIdentity(before, keys);
  const inserted: Row[] = [];
  const updated: TableChange['updated'][number][] = [];
  for (const [identity, { row, text }] of byIdentity(after, keys)) {
    const was = old.get(identity);
    old.delete(identity);
    if (was === undefined) inserted.push(row);
    else if (was.text !== text) updated.push({ before: was.row, after: row });
  }
  return { inserted, updated, deleted: [...old.values()].map(({ row }) => row) };
}

/** Rows by their primary key; without one by their content, with a number for equal rows. */
function byIdentity(
  { rows }: TableSnapshot,
  keys: readonly string[],
): Map<string, TableSnapshot['rows'][number]> {
  const found = new Map<string, TableSnapshot['rows'][number]>();
  for (const one of rows) {
    const content = keys.length === 0 ? one.text : JSON.stringify(keys.map((key) => String(one.row[key])));
    let identity = content;
    for (let copies = 1; found.has(identity); copies += 1) identity = `${content} ${copies}`;
    found.set(identity, one);
  }
  return found;
}
