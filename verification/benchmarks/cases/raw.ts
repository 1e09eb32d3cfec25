import { randomBytes } from 'node:crypto';
import { type Broker, kafkaBroker, type driverNames, type OutgoingBatch } from '@converge/kafka';
import { systemClock } from '@converge/runtime';
import { waitUntil } from '@converge/testing';
import type { Case, CaseResult, World } from '../case.ts';
import { Series } from '../measure/series.ts';
import { median } from '../measure/statistics.ts';
import { openTopic } from '../measure/topic-log.ts';
import { table } from '../report/markdown.ts';
import { PARTITIONS, payload } from '../sides/side.ts';
import { drivers } from '../sides/ours.ts';
import { inTurn } from './drain.ts';

type DriverName = (typeof driverNames)[number];

interface Raw {
  readonly produced: number;
  readonly consumed: number;
}

const BATCH = 500;
const HEADERS = [
  ['ce_id', '019f5c0a-0000-7000-8000-000000000000'],
  ['ce_type', 'bench.event'],
  ['ce_source', 'bench'],
] as const;

/** What the drivers do without a database: the ceiling of everything above them. */
export const rawCase: Case = {
  name: 'raw',
  title: 'Raw produce and consume of the drivers',
  async run(world) {
    const series = new Series<Raw>();
    const records = Math.floor(world.settings.events / (BATCH * PARTITIONS)) * BATCH * PARTITIONS;
    for (let round = 1; round <= Math.min(3, world.settings.rounds); round += 1)
      for (const driver of inTurn(drivers(), round)) {
        const raw = await series.round(driver, () => measure(world, driver, records));
        world.say(
          raw === undefined
            ? `raw, round ${round}: ${driver} failed: ${series.failure(driver) ?? ''}`
            : `raw, round ${round}: ${driver} produces ${raw.produced.toFixed(0)} and consumes ${raw.consumed.toFixed(0)} records/s`,
        );
      }
    return resultOf(series, records);
  },
};

async function measure({ stack, cleanup }: World, driver: DriverName, records: number): Promise<Raw> {
  const log = await openTopic(stack.brokers, `bench-raw-${randomBytes(4).toString('hex')}`, PARTITIONS);
  const broker = kafkaBroker({ driver, brokers: stack.brokers.split(','), clientId: 'bench-raw' });
  const closed = cleanup.add(async () => {
    await broker.close();
    await log.remove().finally(() => log.close());
  });
  try {
    const produced = await produce(broker, log.topic, records);
    const count = await log.count();
    if (count !== records) throw new Error(`${count} records in the topic, ${records} were sent`);
    return { produced, consumed: await consume(broker, log.topic, records) };
  } finally {
    await closed();
  }
}

async function produce(broker: Broker, topic: string, records: number): Promise<number> {
  const producer = await broker.producer();
  const start = systemClock.monotonic();
  for (let from = 0; from < records; from += BATCH * PARTITIONS) {
    const batches = Array.from({ length: PARTITIONS }, (_, partition) => batchOf(topic, partition, from));
    const refused = (await producer.send(batches)).find((result) => !result.ok);
    if (refused !== undefined) throw new Error('the broker refused a batch', { cause: refused });
  }
  const rate = (records / (systemClock.monotonic() - start)) * 1000;
  await producer.close();
  return rate;
}

function batchOf(topic: string, partition: number, from: number): OutgoingBatch {
  const records = Array.from({ length: BATCH }, (_, index) => {
    const number = from + partition * BATCH + index;
    return {
      key: `key-${number % 1000}`,
      value: payload(number),
      headers: HEADERS,
      timestampMs: 1_750_000_000_000,
    };
  });
  return { topic, partition, records };
}

async function consume(broker: Broker, topic: string, records: number): Promise<number> {
  let seen = 0;
  let firstMs: number | undefined;
  let lastMs = 0;
  const consumer = broker.consumer({
    groupId: topic,
    topics: [topic],
    handlers: {
      assigned: (partitions) =>
        Promise.resolve(
          new Map(partitions.map(({ partition }) => [`${topic}/${partition}`, 'earliest' as const])),
        ),
      batch: ({ records: some }) => {
        lastMs = systemClock.monotonic();
        firstMs ??= lastMs;
        seen += some.length;
        return Promise.resolve();
      },
      revoked: () => undefined,
    },
  });
  await consumer.start();
  await waitUntil(() => seen >= records, { deadlineMs: 120_000, what: `all of ${records} records consumed` });
  await consumer.stop();
  return (records / (lastMs - (firstMs ?? 0))) * 1000;
}

function resultOf(series: Series<Raw>, records: number): CaseResult {
  const names = drivers();
  const figures = (['produced', 'consumed'] as const).flatMap((which) =>
    names.map((driver) => {
      const failure = series.failure(driver);
      return {
        name: `raw: records ${which} by ${driver}`,
        bar: { kind: 'report' } as const,
        ours: { value: median(series.of(driver).map((raw) => raw[which])), unit: 'records/s' },
        rival: undefined,
        ...(failure === undefined ? {} : { note: failure }),
      };
    }),
  );
  const rows = names.flatMap((driver) =>
    series
      .of(driver)
      .map((raw, index) => [
        driver,
        String(index + 1),
        Math.round(raw.produced).toLocaleString('en-US'),
        Math.round(raw.consumed).toLocaleString('en-US'),
      ]),
  );
  return {
    figures,
    plots: [],
    rounds: table(['driver', 'round', 'produced/s', 'consumed/s'], rows),
    method: `${records.toLocaleString('en-US')} records of 300 B with three headers, over ${PARTITIONS} partitions, through the broker port in this process: produced in batches of ${BATCH} for each
partition with acks=-1, the records encoded on the way; then consumed by a group of one, from the first batch to the last.`,
  };
}
