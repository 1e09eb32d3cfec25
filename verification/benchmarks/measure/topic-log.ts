import type { Admin } from '@convergekit/broker';
import { systemClock } from '@convergekit/core';
import type { Sample } from './growth.ts';
import { openLog } from './open-log.ts';

/** A topic measured by the ends of its partitions, so that every side is measured equally. */
export interface TopicLog {
  readonly topic: string;
  count(): Promise<number>;
  /** Samples until the topic has `count` records. `look` is called at each sample and may throw to stop. */
  watch(count: number, options: WatchOptions): Promise<Sample[]>;
  /** Reads everything: see `Content`. */
  content(): Promise<Content>;
  /** Removes the topic. */
  remove(): Promise<void>;
  close(): Promise<void>;
}

export interface WatchOptions {
  readonly deadlineMs: number;
  readonly look?: (sample: Sample) => void;
}

/** The content of the topic, judged by the number in every payload. */
export interface Content {
  readonly records: number;
  readonly distinct: number;
  /** Records that came after a higher number of their key. */
  readonly outOfOrder: number;
}

const NUMBER = /"n":\s?(\d+)/;

export async function openTopic(brokers: string, topic: string, partitions: number): Promise<TopicLog> {
  const broker = openLog(brokers, 'bench');
  const admin = await broker.admin();
  await admin.createTopic({ name: topic, partitions });
  const count = async (): Promise<number> =>
    (await admin.logEnds(topic)).reduce((sum, ends) => sum + Number(ends.latest - ends.earliest), 0);
  return {
    topic,
    count,
    watch: (until, options) => watch(topic, count, until, options),
    content: () => contentOf(admin, topic),
    remove: () => admin.deleteTopic(topic),
    close: () => broker.close(),
  };
}

async function watch(
  topic: string,
  count: () => Promise<number>,
  until: number,
  { deadlineMs, look }: WatchOptions,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  const end = systemClock.monotonic() + deadlineMs;
  for (;;) {
    const sample = { count: await count(), atMs: systemClock.monotonic() };
    samples.push(sample);
    look?.(sample);
    if (sample.count >= until) return samples;
    if (sample.atMs > end)
      throw new Error(`only ${sample.count} of ${until} events reached ${topic} in ${deadlineMs / 1000} s`);
    await systemClock.sleep(20);
  }
}

async function contentOf(admin: Admin, topic: string): Promise<Content> {
  const lastOfKey = new Map<string, number>();
  const seen = new Set<number>();
  let records = 0;
  let outOfOrder = 0;
  for (const { partition, earliest, latest } of await admin.logEnds(topic))
    for await (const { key, value } of admin.read(topic, partition, earliest, latest)) {
      const number = Number(NUMBER.exec(value?.toString('latin1', 0, 40) ?? '')?.[1] ?? Number.NaN);
      const name = key?.toString() ?? '';
      records += 1;
      seen.add(number);
      if (number < (lastOfKey.get(name) ?? -1)) outOfOrder += 1;
      else lastOfKey.set(name, number);
    }
  return { records, distinct: seen.size, outOfOrder };
}
