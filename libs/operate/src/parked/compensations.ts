import type { ParkedSummary } from '@convergekit/inbox/operate';
import { hasTables } from '@convergekit/postgres/engine';
import type { NamedDatabase } from '../doctor/examine-database.ts';
import { readTried } from '../history/attempt-sql.ts';
import type { Reads } from '../registry/reads.ts';

/** Failure events of one look-up. */
const PAGE = 500;

/** Says of each given-up event what another run of it contradicts, as far as the known databases have it. */
export async function contradictions(
  { known }: Pick<Reads, 'known'>,
  rows: readonly Pick<ParkedSummary, 'id' | 'failureEvent'>[],
): Promise<readonly string[]> {
  const given = rows.flatMap(({ id, failureEvent }) => (failureEvent === null ? [] : [{ id, failureEvent }]));
  if (given.length === 0) return [];
  const databases = await known();
  const acted = await readCompensations(
    databases,
    given.map(({ failureEvent }) => failureEvent),
  );
  const names = databases.map(({ name }) => name).join(', ');
  return given.map(({ id, failureEvent }) => {
    const found =
      acted.get(failureEvent)?.join('; ') ??
      `no handler acted on it in ${names}; of other databases nothing is known here (--database names more)`;
    return `${id}: contradicts its failure event ${failureEvent}: ${found}`;
  });
}

/**
 * Reads which handlers acted on these failure events. A compensation always has an attempt on record, as long as attempts are kept;
 * of a service whose database is not given nothing is known.
 */
async function readCompensations(
  databases: readonly NamedDatabase[],
  failureEvents: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, string[]>();
  for (const { name, executor } of databases) {
    if (!(await hasTables(executor, 'converge.inbox_attempt'))) continue;
    for (let at = 0; at < failureEvents.length; at += PAGE)
      for (const one of await readTried(executor, failureEvents.slice(at, at + PAGE)))
        if (one.kind === 'attempt' && one.outcome === 'applied')
          found.set(one.eventId, [
            ...(found.get(one.eventId) ?? []),
            `handler ${one.handler} of ${one.consumer} (${name}) acted on it at ${one.at}`,
          ]);
  }
  return found;
}
