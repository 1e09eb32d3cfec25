import { reasonOf } from '../../programs.ts';
import type { Sides } from '../case.ts';
import { debezium } from './debezium.ts';
import { drivers, ours } from './ours.ts';
import { pgTransactionalOutbox } from './pg-transactional-outbox.ts';
import { withClient } from './side.ts';

/** The sides that can be measured here; the others are reported and left out. */
export async function findSides(serverUrl: string, say: (line: string) => void): Promise<Sides> {
  const [first, ...rest] = drivers().map((driver) => ours(driver));
  if (first === undefined) throw new Error('@convergekit/kafka has no driver');
  const logical = await withClient(serverUrl, async (client) => {
    const { rows } = await client.query<{ wal_level: string }>('show wal_level');
    return rows[0]?.wal_level === 'logical';
  });
  const others = [
    ...(logical ? [pgTransactionalOutbox('replication')] : []),
    pgTransactionalOutbox('polling'),
  ];
  return { ours: [first, ...rest], others, ...(await findDebezium(logical, say)) };
}

async function findDebezium(
  logical: boolean,
  say: (line: string) => void,
): Promise<Pick<Sides, 'debezium' | 'absent'>> {
  try {
    if (!logical) throw new Error('this Postgres has not wal_level=logical');
    return { debezium: [await debezium(say)], absent: undefined };
  } catch (error) {
    say(`Debezium is not measured: ${reasonOf(error)}`);
    return { debezium: [], absent: `no Debezium: ${reasonOf(error)}` };
  }
}
