import type { Executor } from '@convergekit/postgres';
import type { SagaRef } from '@convergekit/effects/engine';

const noteSql = `
  insert into converge.saga_start (saga, instance, version, key) values ($1, $2, $3, $4)
  on conflict (saga, instance) do nothing`;

/** Notes that a saga has started, and under which key. */
export async function noteStart(
  tx: Executor,
  { saga, instance, version }: SagaRef,
  key: string,
): Promise<void> {
  await tx.query(noteSql, [saga, instance, version, key]);
}

// By saga_start_key.
const findSql = `
  select instance, version from converge.saga_start where saga = $1 and key = $2 order by started_at`;

/**
 * The runs of a saga that started under a key. The version is the newest that this service knew then: while versions are
 * deployed, the service of the first step may have begun another one.
 */
export async function startsOf(
  tx: Executor,
  saga: string,
  key: string,
): Promise<readonly Pick<SagaRef, 'instance' | 'version'>[]> {
  const { rows } = await tx.query<Pick<SagaRef, 'instance' | 'version'>>(findSql, [saga, key]);
  return rows;
}
