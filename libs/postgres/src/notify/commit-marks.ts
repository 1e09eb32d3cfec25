/** What a statement's commit is announced by: a notification of `channel` with the sum of the counts since the last one. */
export interface CommitMark {
  readonly channel: string;
  readonly count: number;
}

/** Marks of statements, by the values array: the only object that Kysely passes to the connection. */
const marks = new WeakMap<readonly unknown[], CommitMark>();

/**
 * Copies a statement's values and marks the copy: the pool notifies the channel after the commit of the transaction that
 * runs the statement. The mark has no effect on pools that `connect` did not make.
 */
export function notifyAfterCommit(values: readonly unknown[], mark: CommitMark): readonly unknown[] {
  const marked = [...values];
  marks.set(marked, mark);
  return marked;
}

export function commitMarkOf(values: readonly unknown[]): CommitMark | undefined {
  return marks.get(values);
}

/** Copies values with their mark. */
export function copyValues(values: readonly unknown[]): unknown[] {
  const copy = [...values];
  const mark = marks.get(values);
  if (mark !== undefined) marks.set(copy, mark);
  return copy;
}
