import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from '../../benchmarks/measure/child.ts';
import { mavenJars } from '../../maven-jars.ts';

const POM = fileURLToPath(new URL('pom.xml', import.meta.url));
const LOG4J = fileURLToPath(new URL('../../../libs/testing/kafka/log4j2.properties', import.meta.url));

export interface MirrorOptions {
  readonly from: string;
  readonly to: string;
  /** The topics to copy, as MirrorMaker's list of names. */
  readonly topics: readonly string[];
  /** Holds the properties and the log. */
  readonly folder: string;
  readonly note: (line: string) => void;
}

/** Starts MirrorMaker 2, which copies topics under their names. Offsets differ; positions in the headers do not. */
export async function startMirror({ from, to, topics, folder, note }: MirrorOptions): Promise<Child> {
  const what = 'MirrorMaker 2';
  const jars = await mavenJars({
    pom: POM,
    folder: join('.converge', 'mirror-jars'),
    what,
    megabytes: 60,
    say: note,
  });
  const file = join(folder, 'mirror.properties');
  writeFileSync(file, propertiesOf(from, to, topics));
  return startChild({
    name: what,
    command: jars.java,
    args: [
      '-Xmx384m',
      '-XX:+UseSerialGC',
      `-Dlog4j2.configurationFile=${LOG4J}`,
      '-cp',
      join(jars.folder, '*'),
      'org.apache.kafka.connect.mirror.MirrorMaker',
      file,
      '--clusters',
      'b',
    ],
    logFile: join(folder, 'mirror.log'),
  });
}

function propertiesOf(from: string, to: string, topics: readonly string[]): string {
  const settings: Record<string, string> = {
    clusters: 'a, b',
    'a.bootstrap.servers': from,
    'b.bootstrap.servers': to,
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
  };
  return `${Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')}\n`;
}
