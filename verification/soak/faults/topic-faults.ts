import kafkajs from 'kafkajs';
import { waitUntil } from '@convergekit/testing';
import { standing } from '../liveness.ts';
import { topicSettings } from '../world.ts';
import { between, chosen, type Fault, type FaultRun, namesOf } from './fault.ts';

/** Lowers the size limit of the side topics below any event: the relay halts them, the others flow. */
export const topicFaults: readonly Fault[] = [
  {
    kind: 'topic: halted by its limit, then repaired',
    async run(run) {
      const sources = chosen(run);
      const topics = sources.map(({ sideTopic }) => sideTopic);
      const ms = between(500, 8_000, run);
      try {
        await setLimit(run, topics, '200');
        for (const source of sources)
          await waitUntil(async () => run.signal.aborted || (await standing(source)).held.length > 0, {
            what: `the relay of ${source.name} to halt ${source.sideTopic}`,
            deadlineMs: 30_000,
          });
        await run.clock.sleep(ms, run.signal);
      } finally {
        await setLimit(run, topics, topicSettings['max.message.bytes']);
      }
      return `${namesOf(sources)}, halted for ${ms} ms`;
    },
  },
];

async function setLimit({ world }: FaultRun, topics: readonly string[], bytes: string): Promise<void> {
  const admin = new kafkajs.Kafka({
    brokers: [world.kafka.address],
    logLevel: kafkajs.logLevel.NOTHING,
  }).admin();
  await admin.connect();
  try {
    // Settings that are not named fall back to their defaults.
    const settings = Object.entries({ ...topicSettings, 'max.message.bytes': bytes });
    await admin.alterConfigs({
      validateOnly: false,
      resources: topics.map((name) => ({
        type: kafkajs.ConfigResourceTypes.TOPIC,
        name,
        configEntries: settings.map(([key, value]) => ({ name: key, value })),
      })),
    });
  } finally {
    await admin.disconnect();
  }
}
