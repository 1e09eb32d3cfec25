import { fileURLToPath } from 'node:url';
import { type Broker, RecordBatchBuilder, type SealedRecords } from '@convergekit/broker/engine';
import { type DriverName, driverNames, kafkaBroker } from '@convergekit/kafka';
import { freshTopic } from '@convergekit/testing';
import { run } from '../programs.ts';
import { withAdmin } from './measure/open-log.ts';
import { summarize } from './measure/statistics.ts';

/**
 * The drivers beside each other, without a relay: `node verification/benchmarks/drivers.ts [rounds] [records]`, with
 * KAFKA_BROKERS. Each measurement is a process of its own; records of 300 B over 8 partitions, the batches sealed
 * before the clock starts, so that what is measured is the driver.
 */
const PARTITIONS = 8;
const BATCH = 500;

interface Measured {
  readonly perSecond: number;
  readonly cpuMicros: number;
}

const [first = '5', second = '1000000', driver, topic] = process.argv.slice(2);
const brokers = process.env['KAFKA_BROKERS'] ?? '';
if (driver !== undefined && topic !== undefined)
  await inChild(first, Number(second), driver as DriverName, topic);
else await compare(Number(first), Number(second));

async function compare(rounds: number, records: number): Promise<void> {
  const found = new Map<string, Measured[]>();
  for (let round = 0; round < rounds; round += 1)
    for (const name of round % 2 === 0 ? driverNames : driverNames.toReversed()) {
      const target = await freshTopic(brokers, { partitions: PARTITIONS, prefix: 'bench-driver' });
      for (const what of ['produce', 'consume']) {
        const args = [fileURLToPath(import.meta.url), what, String(records), name, target];
        const { stdout } = await run(process.execPath, args);
        const key = `${what.padEnd(8)} ${name.padEnd(13)}`;
        found.set(key, [...(found.get(key) ?? []), JSON.parse(stdout) as Measured]);
      }
      await withAdmin(brokers, (admin) => admin.deleteTopic(target));
    }
  for (const [key, all] of [...found].sort()) {
    const rate = summarize(all.map(({ perSecond }) => perSecond));
    const cpu = summarize(all.map(({ cpuMicros }) => cpuMicros));
    process.stdout.write(
      `${key} records/s median ${rate.median.toFixed(0)} (${rate.min.toFixed(0)}–${rate.max.toFixed(0)}), ` +
        `CPU µs/record median ${cpu.median.toFixed(2)} (${cpu.min.toFixed(2)}–${cpu.max.toFixed(2)})\n`,
    );
  }
}

async function inChild(what: string, records: number, name: DriverName, target: string): Promise<void> {
  const broker = kafkaBroker({ driver: name, brokers: brokers.split(','), clientId: 'bench' });
  const work = what === 'produce' ? produce : consume;
  process.stdout.write(JSON.stringify(await work(broker, target, records)));
  await broker.close();
}

async function produce(broker: Broker, target: string, records: number): Promise<Measured> {
  const producer = await broker.producer();
  const sealed = batch();
  const together = Array.from({ length: PARTITIONS }, (_, partition) => ({
    topic: target,
    partition,
    records: sealed,
  }));
  await producer.send(together);
  return measure(records, async () => {
    for (let sent = 0; sent < records; sent += PARTITIONS * BATCH)
      for (const result of await producer.send(together)) if (!result.ok) throw result.error;
  });
}

async function consume(broker: Broker, target: string, records: number): Promise<Measured> {
  const all = Promise.withResolvers<undefined>();
  let seen = 0;
  const consumer = broker.consumer({
    groupId: target,
    topics: [target],
    handlers: {
      assigned: () => Promise.resolve(new Map()),
      revoked: () => undefined,
      batch: (arrived) => {
        seen += arrived.records.length;
        if (seen >= records) all.resolve(undefined);
        return Promise.resolve();
      },
    },
  });
  await consumer.start();
  return measure(records, () => all.promise);
}

async function measure(records: number, work: () => Promise<unknown>): Promise<Measured> {
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return {
    perSecond: records / ((performance.now() - began) / 1000),
    cpuMicros: (user + system) / records,
  };
}

function batch(): SealedRecords {
  const builder = new RecordBatchBuilder();
  const value = Buffer.from('x'.repeat(300));
  for (let index = 0; index < BATCH; index += 1) {
    const key = Buffer.from(`key-${index}`);
    builder.begin(Date.now(), value.length + key.length + 20);
    builder.value(key, 0, key.length);
    builder.value(value, 0, value.length);
    builder.varint(0);
    builder.end();
  }
  return builder.seal();
}
