import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Child } from '../../benchmarks/measure/child.ts';
import { mavenJars, startJava, writeProperties } from '../../maven-jars.ts';

const POM = fileURLToPath(new URL('pom.xml', import.meta.url));

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
  const file = writeProperties(join(folder, 'mirror.properties'), {
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
  });
  return startJava({
    ...{ name: what, jars, jvm: ['-Xmx384m', '-XX:+UseSerialGC'], logFile: join(folder, 'mirror.log') },
    args: ['org.apache.kafka.connect.mirror.MirrorMaker', file, '--clusters', 'b'],
  });
}
