import type { Executor } from '@convergekit/postgres';

/** The identity of this outbox. Consumers distinguish sources by the id; the name is for people. */
export interface Source {
  readonly id: string;
  readonly name: string;
  readonly epoch: number;
}

/** Names the source if a name is given, and returns it. The migration made its id and a first name. */
export async function nameSource(executor: Executor, name?: string): Promise<Source> {
  if (name !== undefined)
    await executor.query('update converge.source set name = $1 where name <> $1', [name]);
  const { rows } = await executor.query<{ id: string; name: string; epoch: number }>(
    'select id, name, epoch from converge.source',
  );
  const [source] = rows;
  if (source === undefined)
    throw new Error('converge.source has no row, although the outbox migration writes one');
  return source;
}
