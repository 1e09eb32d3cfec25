import { randomUUID } from 'node:crypto';
import { systemRandom, seededRandom } from '@convergekit/core';
import { BrokerError, MalformedBytes } from '@convergekit/broker/engine';
import { record, written } from '@convergekit/broker/contract';

import { expect, inject, it, onTestFinished } from 'vitest';
import { KafkaJsConnections } from '../drivers/kafkajs/kafkajs-connections.ts';
import { mutated } from '../fixture/mutations.ts';
import { Cluster } from './cluster.ts';
import type { ConnectionLayer, Exchange, Request } from './connection.ts';
import { fetchResponse } from './fetch-request.ts';
import { describeGroup } from './group-requests.ts';
import { WireAdmin } from './wire-admin.ts';
import { WireLink } from './wire-link.ts';
import { WireProducer } from './wire-producer.ts';

/*
 * Each answer of a real Kafka, changed. What a reader finds wrong closes the connection (`BrokerLink.read`), so it may throw two
 * classes of errors and nothing else. Seen to fail without: the refusal of lengths below zero and of lists longer than their bytes.
 */
const GROUP = `hostile-answers-${randomUUID()}`;
const TOPIC = `hostile-answers-${randomUUID()}`;
const place = { topic: TOPIC, partition: 0 };
const want = { ...place, offset: 0n, maxBytes: 1_048_576 };

interface Answered {
  readonly request: Request;
  readonly payload: Buffer;
}

/** Records the last answer to each request. */
function recording(layer: ConnectionLayer, answers: Map<string, Answered>): ConnectionLayer {
  return {
    connect: async (target) => {
      const connection = await layer.connect(target);
      const send = async (request: Request, onWritten: () => void): Promise<Buffer> => {
        const payload = await connection.send(request, onWritten);
        answers.set(request.name, { request, payload });
        return payload;
      };
      return { ...connection, send };
    },
  };
}

/** Makes every request of this package once. */
async function everyRequest(cluster: Cluster): Promise<void> {
  const admin = new WireAdmin(cluster, undefined);
  await admin.createTopic({ name: TOPIC, partitions: 2 });
  await admin.describeTopic(TOPIC);
  const producer = new WireProducer(cluster, 10_000);
  written((await producer.send([{ ...place, records: [record('a'), record('b')] }]))[0]);
  await admin.committed(GROUP, TOPIC);
  const member = new WireLink({ cluster, groupId: GROUP, topics: [TOPIC], sessionTimeoutMs: 10_000 });
  await member.connect();
  const membership = await member.join();
  await member.commit(membership, [{ ...place, offset: 1n }]);
  await member.resolve([{ ...place, at: 'committed' }]);
  await member.heartbeat(membership);
  await member.fetch(member.nodeOf(place) ?? -1, [want], 1_000);
  await (await cluster.coordinator(GROUP, 'Describe')).call('describing', describeGroup(GROUP));
  await member.leave();
  await admin.deleteTopic(TOPIC);
}

const readerOf = ({ request }: Answered): ((payload: Buffer) => unknown) =>
  'read' in request
    ? (payload) => (request as Exchange<unknown>).read(payload, 'reading')
    : (payload) => fetchResponse(payload, [want]);

it('a changed answer of any request is read, or refused as bytes that are no answer', async () => {
  const answers = new Map<string, Answered>();
  const options = { clientId: 'hostile', ssl: null, sasl: null, connectTimeoutMs: 10_000 };
  const layer = new KafkaJsConnections({ ...options, requestTimeoutMs: 10_000 }, undefined);
  const cluster = new Cluster({
    brokers: inject('stack').brokers.split(','),
    reachAt: (address) => address,
    layer: recording(layer, answers),
    requestTimeoutMs: 10_000,
    onClose: () => undefined,
    random: systemRandom,
  });
  onTestFinished(() => cluster.close());
  await everyRequest(cluster);
  expect([...answers.keys()].sort()).toEqual([
    'CreateTopics',
    'DeleteTopics',
    'DescribeConfigs',
    'DescribeGroups',
    'Fetch',
    'FindCoordinator',
    'Heartbeat',
    'JoinGroup',
    'LeaveGroup',
    'ListOffsets',
    'Metadata',
    'OffsetCommit',
    'OffsetFetch',
    'Produce',
    'SyncGroup',
  ]);
  const random = seededRandom(11);
  const before = process.resourceUsage().maxRSS;
  for (const [name, answer] of answers)
    for (let left = inject('full') ? 10_000 : 200; left > 0; left -= 1) {
      const payload = mutated(answer.payload, random);
      try {
        await readerOf(answer)(payload);
      } catch (error) {
        const isTyped = error instanceof BrokerError || error instanceof MalformedBytes;
        expect(isTyped ? 'typed' : error, `${name} ${payload.toString('hex')}`).toBe('typed');
      }
    }
  expect(process.resourceUsage().maxRSS - before).toBeLessThan(512 * 1_024);
});
