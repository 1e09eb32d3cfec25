import type { LogSession } from '../session/log-session.ts';

/** Makes the children of the next days. */
export async function makeChildren(session: LogSession): Promise<void> {
  await session.query('making children', 'select converge_log.make_children() where $1::int = 1', [1]);
}

/** Drops the children whose records have passed their retention; each one in a transaction of its own. */
export async function dropExpiredChildren(session: LogSession): Promise<readonly string[]> {
  const dropped: string[] = [];
  for (;;) {
    const { rows } = await session.query<{ child: string | null }>(
      'dropping old children',
      'select converge_log.drop_expired_child() as child where $1::int = 1',
      [1],
    );
    const child = rows[0]?.child ?? null;
    if (child === null) return dropped;
    dropped.push(child);
  }
}
