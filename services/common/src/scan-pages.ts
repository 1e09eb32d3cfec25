/** How the scan of a reconciler reads rows, a page at a time. */
export interface Pages<Row> {
  /** Reads the rows behind a key, in the order of their keys; none = the end. */
  readonly read: (after: string | null) => Promise<readonly Row[]>;
  readonly keyOf: (row: Row) => string;
  /** Returns the keys of a page's rows that differ. */
  readonly differing: (rows: readonly Row[]) => readonly string[] | Promise<readonly string[]>;
}

export interface ScannedPage {
  readonly keys: readonly string[];
  readonly compared: number;
  readonly checkpoint: string;
}

/** Scans rows in pages, for `keys.scan`. An interrupted scan continues behind the checkpoint of its last page. */
export async function* scanPages<Row>(
  from: string | null,
  { read, keyOf, differing }: Pages<Row>,
): AsyncGenerator<ScannedPage> {
  for (let after = from; ;) {
    const rows = await read(after);
    const last = rows.at(-1);
    if (last === undefined) return;
    after = keyOf(last);
    yield { keys: await differing(rows), compared: rows.length, checkpoint: after };
  }
}
