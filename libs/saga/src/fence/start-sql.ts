import type { Executor } from '@converge/postgres';
import type { Story } from '../step/story.ts';

const noteSql = `
  insert into converge.saga_start (saga, instance, version, key) values ($1, $2, $3, $4)
  on conflict (saga, instance) do nothing`;

/** Notes that a saga has started, and under which key. */
export async function noteStart(
  tx: Executor,
  { saga, instance, version }: Story,
  key: string,
): Promise<void> {
  await tx.query(noteSql, [saga, instance, version, key]);
}

// By saga_start_key.
const findSql = `
  select instance from converge.saga_start where saga = $1 and version = $2 and key = $3 order by started_at`;

/** The runs of a saga that started under a key. */
export async function startsOf(
  tx: Executor,
  { saga, version }: Pick<Story, 'saga' | 'version'>,
  key: string,
): Promise<readonly string[]> {
  const { rows } = await tx.query<{ instance: string }>(findSql, [saga, version, key]);
  return rows.map(({ instance }) => instance);
}
