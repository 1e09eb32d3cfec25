import { Client } from 'pg';
import { waitUntil } from '@convergekit/testing';
import { onServer } from '../workloads/counted/services.ts';
import { AWAY_MS, ofPair } from './pair-fault.ts';

const STRANGER = 'lab-stranger';
/** Two of these faults after one another keep the relay out for longer than the alarm waits. */
const away = {
  database_unreachable: /nothing listens there|no more connections|too many clients|terminated|timeout/,
};

/** Takes one session of a server; undefined where the server has none left. */
async function sessionAt(url: string): Promise<Client | undefined> {
  const client = new Client({ connectionString: url, application_name: STRANGER });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    const full = error instanceof Error && 'code' in error && error.code === '53300';
    if (!full) throw error;
    return undefined;
  }
}

/** Takes every session of a server, those of others too: they are ended, and the strangers are faster. */
async function takeAllSessions(url: string): Promise<readonly Client[]> {
  const taken: Client[] = [];
  const othersSql = `select count(pg_terminate_backend(pid))::int as others from pg_stat_activity
                      where backend_type = 'client backend' and application_name <> '${STRANGER}'`;
  await waitUntil(
    async () => {
      for (let one = await sessionAt(url); one !== undefined; one = await sessionAt(url)) taken.push(one);
      const { rows } = (await taken[0]?.query<{ others: number }>(othersSql)) ?? { rows: [] };
      return rows[0]?.others === 0;
    },
    { what: 'strangers to have every session', deadlineMs: 60_000, everyMs: 1 },
  );
  return taken;
}

const sessionsTaken = ofPair({
  name: 'pair-connections-taken',
  about: 'strangers hold every session of the primary: max_connections is reached',
  ms: AWAY_MS,
  alarms: away,
  inject: async ({ pair: { primary } }) => {
    const taken = await takeAllSessions(primary.address);
    const repair = async (): Promise<void> => {
      await Promise.all(taken.map((client) => client.end()));
    };
    return { what: `${taken.length} sessions`, repair };
  },
});

const poolerFull = ofPair({
  name: 'pair-pooler-full',
  about: 'PgBouncer is restarted with max_client_conn below what the services need',
  ms: AWAY_MS,
  alarms: away,
  inject: async ({ pair: { pooler } }) => {
    const limited = async (max: number): Promise<void> => {
      pooler.reload({ settings: { max_client_conn: max } });
      await pooler.server.kill();
      await pooler.server.start();
    };
    await limited(2);
    return { what: 'max_client_conn=2', repair: () => limited(500) };
  },
});

const tablesRewritten = ofPair({
  name: 'pair-tables-rewritten',
  about: 'VACUUM FULL and REINDEX CONCURRENTLY of every table of the services while events flow',
  inject: async ({ pair: { primary }, counted }) => {
    for (const { url } of [counted.orders, ...counted.consumers.values()]) {
      const name = new URL(url).pathname.slice(1);
      await onServer(primary, 'vacuum full', name);
      await onServer(primary, `reindex database concurrently "${name}"`, name);
    }
    return { what: primary.address };
  },
});

export const upkeepFaults = [sessionsTaken, poolerFull, tablesRewritten] as const;
