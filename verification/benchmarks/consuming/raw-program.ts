/** `node raw-program.ts <driver> <brokers> <topic> <records>`: consumes that many records and prints how fast, as JSON. */
import { type DriverName, kafkaBroker } from '@convergekit/kafka';
import { systemClock } from '@convergekit/core';
import { Kafka, logLevel } from 'kafkajs';
import { WARM_UP } from '../measure/drain-once.ts';

const [driver = '', brokers = '', topic = '', count = '0'] = process.argv.slice(2);
const wanted = Number(count);
const groupId = `${topic}-${process.pid}`;
const done = Promise.withResolvers<undefined>();
let seen = 0;
let warm: { seen: number; atMs: number; cpu: NodeJS.CpuUsage } | undefined;

function arrived(records: number): void {
  seen += records;
  if (seen >= wanted * WARM_UP) warm ??= { seen, atMs: systemClock.monotonic(), cpu: process.cpuUsage() };
  if (seen >= wanted) done.resolve(undefined);
}

async function throughPort(): Promise<void> {
  const broker = kafkaBroker({
    driver: driver as DriverName,
    brokers: brokers.split(','),
    clientId: 'bench',
  });
  await broker
    .consumer({
      groupId,
      topics: [topic],
      handlers: {
        assigned: () => Promise.resolve(new Map()),
        revoked: () => undefined,
        batch: ({ records }) => Promise.resolve(arrived(records.length)),
      },
    })
    .start();
}

async function eachBatch(): Promise<void> {
  const client = new Kafka({ brokers: brokers.split(','), clientId: 'bench', logLevel: logLevel.ERROR });
  const consumer = client.consumer({ groupId });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    partitionsConsumedConcurrently: 6,
    eachBatch: ({ batch }) => Promise.resolve(arrived(batch.messages.length)),
  });
}

await (driver === 'eachBatch' ? eachBatch() : throughPort());
await done.promise;
if (warm === undefined) throw new Error('nothing was consumed');
const { user, system } = process.cpuUsage(warm.cpu);
const records = seen - warm.seen;
const perSecond = (records / (systemClock.monotonic() - warm.atMs)) * 1000;
process.stdout.write(JSON.stringify({ perSecond, cpuMicros: (user + system) / records }));
process.exit(0);
