import { createOutbox } from '@convergekit/outbox';
import { connect } from '@convergekit/postgres';
import { withSpan } from '@convergekit/telemetry';
import { startTelemetry } from '@convergekit/telemetry/sdk';
import { benchEvent } from '../consuming/effect.ts';
import { fillerOf } from './side.ts';

/**
 * Writes events as a service does. Each is an `outbox.transaction` in the span of a request, so that every event has
 * its own correlation id and trace context. A transaction has several events, to bound the time of a backlog. Rows are
 * written in a separate process: tracing is on in it, and off in the measured processes.
 */
const EVENTS_IN_TRANSACTION = 50;
/** Transactions side by side, of neighbouring rows: no two of them hold the same key. */
const SIDE_BY_SIDE = 4;

const [databaseUrl = '', topic = '', first = '0', end = '0'] = process.argv.slice(2);
const to = Number(end);
const telemetry = startTelemetry({ serviceName: 'bench' });
const database = connect({ url: databaseUrl, applicationName: 'bench', max: SIDE_BY_SIDE });
// the setting only saves time; the checkpoint that follows makes the rows durable
database.pool.on('connect', (client) => void client.query('set synchronous_commit = off'));
const event = benchEvent(topic);
const outbox = createOutbox([event]);

async function request(from: number): Promise<void> {
  await withSpan('request', { kind: 'server' }, () =>
    outbox.transaction(database.db, ({ emit }) => {
      for (let n = from; n < Math.min(from + EVENTS_IN_TRANSACTION, to); n += 1)
        emit(event({ n, filler: fillerOf(n) }));
      return Promise.resolve();
    }),
  );
}

for (let from = Number(first); from < to; from += EVENTS_IN_TRANSACTION * SIDE_BY_SIDE)
  await Promise.all(
    Array.from({ length: SIDE_BY_SIDE }, (_, at) => from + at * EVENTS_IN_TRANSACTION)
      .filter((begin) => begin < to)
      .map(request),
  );
await database.close();
await telemetry.shutdown();
