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
  return { ours: [first, ...rest], debezium: await findDebezium(logical, say), others };
}

async function findDebezium(logical: boolean, say: (line: string) => void): Promise<Sides['debezium']> {
  const absent = (why: string): { absent: string } => {
    say(`Debezium is not measured: ${why}`);
    return { absent: `no Debezium: ${why}` };
  };
  if (!logical) return absent('this Postgres has not wal_level=logical');
  try {
    return await debezium(say);
  } catch (error) {
    return absent(error instanceof Error ? error.message : String(error));
  }
}
