import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitUntil } from '@convergekit/testing';
import { javaTools } from '@convergekit/testing/engine';
import type { Child } from '../../benchmarks/measure/child.ts';
import { javaJars, startJava, writeProperties } from '../../java.ts';
import { converge, isComplete, logComparison, partitionStates } from '../operator.ts';
import { fault, type Fault, type Run } from '../types.ts';
import { PARTITIONS, TOPIC } from '../workloads/counted/events.ts';
import { countEffects } from '../workloads/counted/effects-sql.ts';
import type { CountedPart } from '../workloads/counted/part.ts';
import { type Cluster, createTopics, startCluster, untilApplied } from '../workloads/counted/services.ts';

/** `planned`: the mirror is complete. `lost`: cluster A is killed, and the mirror lacks its end. */
export type SwitchKind = 'planned' | 'lost';

const POM = fileURLToPath(new URL('pom.xml', import.meta.url));
const REASON = ['--reason', 'moved to cluster B', '--yes'];

/** Moves a source and its consumers to another Kafka cluster under load, as docs/runbooks/cluster-switch.md says. */
export function switchMove(kind: SwitchKind): Fault {
  return fault({
    name: `move-cluster-${kind}`,
    about:
      kind === 'planned'
        ? 'relay and consumers move to a mirrored Kafka cluster in order'
        : 'Kafka is lost for good, and relay and consumers go on at a mirror that lacks its end',
    needs: ['counted'],
    inject: async ({ counted: part }) => {
      const { clock, defer, folder, progress } = part.run;
      const a = part.cluster;
      const b = await startCluster(defer);
      const names = [...part.consumers.keys()];
      await createTopics(b.broker, b.server.address, names);
      await shiftOffsets(b, folder, clock.now());
      const topics = [TOPIC, ...names.map((name) => `${name}.failures`)];
      const mirror = await startMirror(part.run, a, b, topics);
      defer(() => mirror.stop());
      await untilMirrored(a, b, mirror);
      const last = names.at(-1) ?? '';
      progress.note(`the mirror is at work; ${last} stops, so that it is behind at the switch`);
      await part.services.get(last)?.stop();
      await part.moreEffects(part.rate);
      const missing = await (kind === 'planned'
        ? leaveInOrder(part, b, mirror)
        : loseCluster(part, b, mirror));
      part.figures.push(['acknowledged, and not in the mirror', `${missing} events`]);
      await continueOn(part, b);
      await part.moreEffects(2 * part.rate);
      if (kind === 'planned') await a.server.kill();
      await part.moreEffects(part.rate);
      return { what: `${missing} events were not in the mirror` };
    },
  });
}

/** Stops the relay and the consumers on A, and waits for the mirror. Returns 0: nothing is missing in it. */
async function leaveInOrder(part: CountedPart, b: Cluster, mirror: Child): Promise<number> {
  await part.relay?.stop();
  for (const service of part.services.values()) await service.stop();
  const env = { ...part.envOf(part.orders), KAFKA_BROKERS: b.server.address };
  const isMirrored = async (): Promise<boolean> => isComplete(await logComparison(env));
  await waitUntil(isMirrored, { what: 'the mirror to have everything that was acknowledged' });
  await mirror.stop();
  return 0;
}

/** Ends the mirror, then cluster A, without a warning. Returns the number of events that only A had. */
async function loseCluster(part: CountedPart, b: Cluster, mirror: Child): Promise<number> {
  const a = part.cluster;
  await mirror.kill();
  const mirrored = await lengthOf(b);
  await part.moreEffects(part.rate);
  const missing = (await lengthOf(a)) - mirrored;
  await a.server.kill();
  await Promise.all([part.relay?.stop(), ...[...part.services.values()].map((service) => service.stop())]);
  return missing;
}

/** Starts everything on B, and gives the operator's commands. */
async function continueOn(part: CountedPart, b: Cluster): Promise<void> {
  const { clock } = part.run;
  const left = clock.monotonic();
  part.cluster = b;
  const sending = await part.startRelay();
  const source = part.envOf(part.orders);
  // The relay has to find the other cluster first.
  const accept = ['topics', 'accept', TOPIC, '--made-again', ...REASON];
  await waitUntil(
    () =>
      converge(accept, source).then(
        () => true,
        () => false,
      ),
    { what: 'the topic to be accepted' },
  );
  await waitUntil(() => sending.status().published > 0, { what: 'the first event on B' });
  part.figures.push(['not publishing', `${Math.round(clock.monotonic() - left)} ms`]);
  let filled = 0;
  for (const [name, place] of part.consumers) {
    await part.startConsumer(name);
    const env = part.envOf(place);
    const isHalted = async (code: string): Promise<boolean> =>
      (await partitionStates(env)).some(({ consumer, halted }) => consumer === name && halted?.code === code);
    await waitUntil(() => isHalted('topic_recreated'), { what: `${name} to find the new cluster` });
    await converge(['consumers', 'resume', name, '--from', 'earliest', ...REASON], env);
    const wanted = part.writers?.acknowledged.length ?? 0;
    const isCaughtUp = async (): Promise<boolean> => {
      if (await isHalted('gap')) {
        const found = await converge<readonly { readonly events: number }[]>(
          ['consumers', 'fill', name, '--database', part.orders.url, '--yes', ...REASON],
          env,
        );
        filled += found.reduce((sum, { events }) => sum + events, 0);
        await converge(['consumers', 'resume', name, '--reason', 'filled'], env);
      }
      return (await countEffects(place.database.executor)) >= wanted;
    };
    await waitUntil(isCaughtUp, { what: `${name} to catch up on B`, deadlineMs: 120_000, everyMs: 100 });
    await untilApplied(place.database, wanted);
  }
  part.figures.push(['filled from the outbox', `${filled} events`]);
}

async function untilMirrored(a: Cluster, b: Cluster, mirror: Child): Promise<void> {
  const wanted = await lengthOf(a);
  const isMirrored = async (): Promise<boolean> => {
    mirror.assertAlive();
    return (await lengthOf(b)) >= wanted;
  };
  const what = `${wanted} records in the mirror`;
  await waitUntil(isMirrored, { what, deadlineMs: 180_000, everyMs: 250 });
}

async function lengthOf({ broker }: Cluster): Promise<number> {
  const admin = await broker.admin();
  const ends = await admin.logEnds(TOPIC);
  await admin.close();
  return ends.reduce((sum, { earliest, latest }) => sum + Number(latest - earliest), 0);
}

/** Makes the logs of a cluster begin at other offsets: by records that are written, and deleted before their end. */
async function shiftOffsets({ server, broker }: Cluster, folder: string, timestampMs: number): Promise<void> {
  const producer = await broker.producer();
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({
    topic: TOPIC,
    partition,
    offset: 3_000 + 1_000 * partition,
  }));
  const record = { key: null, value: 'filler', headers: [], timestampMs };
  for (const { topic, partition, offset } of partitions)
    for (let written = 0; written < offset; written += 1_000) {
      const records = Array.from({ length: Math.min(1_000, offset - written) }, () => record);
      const [sent] = await producer.send([{ topic, partition, records }]);
      if (sent?.ok !== true) throw new Error(`the filler of ${topic}/${partition} was not written`);
    }
  await producer.close();
  const file = join(folder, 'delete-records.json');
  writeFileSync(file, JSON.stringify({ version: 1, partitions }));
  await javaTools(server.address).run(
    'org.apache.kafka.tools.DeleteRecordsCommand',
    ['--offset-json-file', file],
    { onLine: () => undefined },
  );
}

/** Starts MirrorMaker 2, which copies topics under their names. Offsets differ; positions in the headers do not. */
async function startMirror(
  { folder, progress }: Run,
  from: Cluster,
  to: Cluster,
  topics: readonly string[],
): Promise<Child> {
  const what = 'MirrorMaker 2';
  const directory = join('.converge', 'mirror-jars');
  const jars = await javaJars({
    pom: POM,
    directory,
    what,
    megabytes: 60,
    log: (line) => progress.note(line),
  });
  const file = writeProperties(join(folder, 'mirror.properties'), {
    clusters: 'a, b',
    'a.bootstrap.servers': from.server.address,
    'b.bootstrap.servers': to.server.address,
    'a->b.enabled': 'true',
    'b->a.enabled': 'false',
    'a->b.topics': topics.join(','),
    // The same names on both clusters: signatures cover the topic, and consumers subscribe to it.
    'replication.policy.class': 'org.apache.kafka.connect.mirror.IdentityReplicationPolicy',
    // Consumers find their place by position, so no offsets are translated.
    'emit.checkpoints.enabled': 'false',
    'emit.heartbeats.enabled': 'false',
    'sync.topic.acls.enabled': 'false',
    'refresh.topics.interval.seconds': '5',
    'replication.factor': '1',
    'offset-syncs.topic.replication.factor': '1',
    'checkpoints.topic.replication.factor': '1',
    'heartbeats.topic.replication.factor': '1',
    'offset.storage.replication.factor': '1',
    'config.storage.replication.factor': '1',
    'status.storage.replication.factor': '1',
  });
  return startJava({
    name: what,
    jars,
    jvm: ['-Xmx384m', '-XX:+UseSerialGC'],
    logFile: join(folder, 'mirror.log'),
    args: ['org.apache.kafka.connect.mirror.MirrorMaker', file, '--clusters', 'b'],
  });
}
