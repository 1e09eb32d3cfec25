/** The statements on a table of the service; names are checked, since they cannot be bound. */
export function lockSql(table: string, key: string) {
  const of = table.split('.').map(quoted).join('.');
  const id = quoted(key);
  return {
    // The update is by the key. A second taker waits for the first one's commit and then finds its mark (under
    // REPEATABLE READ it fails with 40001, and is rerun). The update is HOT, unless pending_saga is indexed.
    take: `update ${of} set pending_saga = $2 where ${id} = $1 and (pending_saga is null or pending_saga = $2)`,
    free: `update ${of} set pending_saga = null where ${id} = $1 and pending_saga = $2`,
    read: `select pending_saga from ${of} where ${id} = $1`,
  };
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
