/**
 * The order saga in one process on the local log, in the same database. Its input is JSON in the first argument.
 */
import { runServices, systemClock, systemRandom } from '@convergekit/core';
import { livePolicies } from '@convergekit/inbox';
import { localBroker } from '@convergekit/local';
import { connect } from '@convergekit/postgres';
import { SharedGuards } from '@convergekit/resilience';
import { exitOnUncaught, logger } from '@convergekit/telemetry';
import { failureTopic } from '@convergekit/contracts';
import { healthServer } from '@convergekit/config';
import type { BenchDb } from './consumers.ts';
import { partsOf } from './parts.ts';
import { nameIn, services, topicsOf } from './saga.ts';

/** The input of the process. */
export interface LocalInput {
  readonly run: string;
  readonly databaseUrl: string;
  readonly providerUrl: string;
  readonly httpPort: number;
  readonly healthPort: number;
  readonly partitions: number;
}

const input = JSON.parse(process.argv[2] ?? '{}') as LocalInput;
const log = logger('bench.sagas');
exitOnUncaught(log);
const database = connect<BenchDb>({ url: input.databaseUrl, applicationName: 'bench-sagas' });
const broker = localBroker({ url: input.databaseUrl, clientId: 'bench-sagas' });
const admin = await broker.admin();
const failures = services.map((name) => failureTopic(nameIn(input.run, name)));
for (const name of [...topicsOf(input.run), ...failures])
  await admin.createTopic({ name, partitions: input.partitions });
const policies = livePolicies({ database });
const shared = new SharedGuards({ policies, clock: systemClock, random: systemRandom });
let ready = false;
const health = healthServer({
  port: input.healthPort,
  checks: () => ({ services: { ok: ready } }),
});
const onError = (error: unknown): void => log.error({ err: error }, 'an order was not placed');
const parts = partsOf({ ...input, services, database, broker, policies, shared, onError });
await runServices([health, ...parts], { onReady: () => (ready = true) });
await broker.close();
await database.close();
