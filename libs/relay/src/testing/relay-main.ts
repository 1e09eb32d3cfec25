/** A relay process for the tests: settings from the environment, its state as JSON lines on stdout. */
import { kafkajsBroker } from '@converge/kafka';
import { connect } from '@converge/postgres';
import { runServices } from '@converge/runtime';
import { relay } from '../relay.ts';

const say = (fields: object, text: string): void => {
  process.stdout.write(`${JSON.stringify({ text, ...fields })}\n`);
};
const database = connect({ url: process.env['DATABASE_URL'] ?? '', applicationName: 'relay-e2e' });
const broker = kafkajsBroker({
  brokers: (process.env['KAFKA_BROKERS'] ?? '').split(','),
  clientId: 'relay-e2e',
  requestTimeoutMs: 3_000,
});
await runServices([
  relay({
    database,
    broker,
    leaseMs: 2_000,
    renewMs: 400,
    stopBeforeMs: 600,
    standbyMs: 50,
    settleMs: Number(process.env['SETTLE_MS'] ?? 75),
    pageRows: Number(process.env['PAGE_ROWS'] ?? 400),
    log: { debug: say, info: say, warn: say, error: say },
  }),
]);
await broker.close();
await database.close();
