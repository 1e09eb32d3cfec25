import { seededRandom } from '@convergekit/core';
import { expect, it } from 'vitest';
import { ByteWriter } from './byte-writer.ts';
import { ConnectionError, type Request, type Target } from './connection.ts';
import { Cluster } from './cluster.ts';

const TOPIC = { topic: 'orders', partition: 0 };
const FIND_COORDINATOR = 10;
const VERSIONS = new Map([
  [3, { min: 0, max: 12 }],
  [FIND_COORDINATOR, { min: 0, max: 2 }],
]);
const UNKNOWN_TOPIC = 3;

/** What a broker says of the topic: its leader, and the number of that leader's election. */
interface Said {
  readonly leader: number;
  readonly election: number;
  readonly topicId?: string;
  readonly errorCode?: number;
}

/** The answer of Metadata, version 12, of a cluster with brokers 1 and 2 and one partition. */
function answerOf({ leader, election, topicId = '1', errorCode = 0 }: Said): Buffer {
  const body = new ByteWriter().uvarint(0).int32(0).uvarint(3);
  for (const id of [1, 2]) body.int32(id).compactString(`b${id}`).int32(9092).uvarint(0).uvarint(0);
  body.compactString('c').int32(1).uvarint(2);
  body.int16(errorCode).compactString(TOPIC.topic).raw(Buffer.alloc(16, topicId)).int8(0).uvarint(2);
  body.int16(0).int32(0).int32(leader).int32(election);
  for (let list = 0; list < 3; list += 1) body.uvarint(1);
  return body.uvarint(0).int32(0).uvarint(0).uvarint(0).finish();
}

/** Each broker names itself as the coordinator. */
const coordinatorIs = (host: string): Buffer =>
  new ByteWriter().int32(0).int16(0).string(null).int32(1).string(host).int32(9092).finish();

const random = seededRandom(1);

function clusterOf(
  said: (host: string) => Said | 'lost' | 'tls',
  opened: Pick<Target, 'host' | 'onLost'>[] = [],
): Cluster {
  const connect = ({ host, onLost }: Target) => {
    opened.push({ host, onLost });
    const answer = said(host);
    if (typeof answer === 'string') return Promise.reject(new ConnectionError(answer, `${host} is away`));
    const send = ({ apiKey }: Request) =>
      Promise.resolve(apiKey === FIND_COORDINATOR ? coordinatorIs(host) : answerOf(said(host) as Said));
    return Promise.resolve({ versions: VERSIONS, send });
  };
  return new Cluster({
    brokers: ['b1:9092', 'b2:9092'],
    reachAt: (address) => address,
    onClose: () => undefined,
    random,
    layer: { connect },
    requestTimeoutMs: 10_000,
  });
}

it('a leader of an earlier election replaces none, unless the topic was made again', async () => {
  let said: Said = { leader: 2, election: 4 };
  const cluster = clusterOf(() => said);
  const leaderNow = async (now: Said): Promise<number | undefined> => {
    said = now;
    await cluster.topic(TOPIC.topic);
    return cluster.leaderOf(TOPIC);
  };
  expect(await leaderNow(said)).toBe(2);
  expect(await leaderNow({ leader: 1, election: 3 })).toBe(2);
  cluster.forget(TOPIC);
  expect(await leaderNow({ leader: 1, election: 3 })).toBeUndefined();
  // Planted fault: an election that is known already counts as an earlier one. A leader that refused once has no successor then.
  expect(await leaderNow({ leader: 2, election: 4 })).toBe(2);
  expect(await leaderNow({ leader: 1, election: 5 })).toBe(1);
  expect(await leaderNow({ leader: 2, election: 0, topicId: '2' })).toBe(2);
  expect(await leaderNow({ leader: 1, election: -1, topicId: '2' })).toBe(1);
});

// Broker 1 is cut off from its controllers: it does not know the election of broker 2.
const split = (host: string): Said =>
  host === 'b1' ? { leader: 1, election: 3 } : { leader: 2, election: 4 };
/** Each try goes to one of two brokers. */
const TRIES = 200;

it('clients that begin anew do not all begin at the first broker', async () => {
  const leaders = new Set<number | undefined>();
  for (let n = 0; n < TRIES; n += 1) {
    const cluster = clusterOf(split);
    await cluster.topic(TOPIC.topic);
    leaders.add(cluster.leaderOf(TOPIC));
    cluster.close();
  }
  expect([...leaders].sort()).toEqual([1, 2]);
});

// Planted faults: a search that ends at the end of the list, and a look-up that fails with the second connection.
it('a client finds the one broker that can be reached, wherever it begins', async () => {
  for (let n = 0; n < 20; n += 1) {
    const cluster = clusterOf((host) => (host === 'b1' ? { leader: 1, election: 3 } : 'lost'));
    for (let look = 0; look < 5; look += 1) await cluster.topic(TOPIC.topic);
    expect(cluster.leaderOf(TOPIC)).toBe(1);
  }
});

// Planted fault: the first certificate that is refused ends the search. A client of a cluster whose certificates are renewed broker by broker is down.
it('a broker whose certificate is refused does not keep a client from the others, and is named when there is none', async () => {
  for (let n = 0; n < 20; n += 1) {
    const cluster = clusterOf((host) => (host === 'b1' ? { leader: 1, election: 3 } : 'tls'));
    expect((await cluster.any()).address).toBe('b1:9092');
    const none = clusterOf((host) => (host === 'b1' ? 'lost' : 'tls'));
    await expect(none.any()).rejects.toMatchObject({ code: 'TLS_FAILED', kind: 'configuration' });
  }
});

// Planted fault: a group whose coordinator the first connected broker names alone, which may be cut off.
it('a client asks any connected broker for a coordinator', async () => {
  const cluster = clusterOf(split);
  await cluster.metadata([TOPIC.topic]);
  for (const id of [1, 2]) await cluster.node(id);
  const found = new Set<string>();
  for (let n = 0; n < 20; n += 1) found.add((await cluster.coordinator('g', 'Read')).address);
  expect([...found].sort()).toEqual(['b1:9092', 'b2:9092']);
});

// Planted fault: a topic that another broker does not know yet counts as missing. The service that made it is refused.
it('a topic that was just made is found at the broker that made it, whichever is asked first', async () => {
  const knows = new Set<string>();
  const cluster = clusterOf((host) => ({
    leader: 1,
    election: 0,
    errorCode: knows.has(host) ? 0 : UNKNOWN_TOPIC,
  }));
  const [maker = ''] = (await cluster.any()).address.split(':');
  knows.add(maker);
  await cluster.metadata([TOPIC.topic]);
  for (const id of [1, 2]) await cluster.node(id);
  for (let n = 0; n < 20; n += 1) expect(await cluster.topic(TOPIC.topic)).toMatchObject({ errorCode: 0 });
});

// Planted fault: elections that are remembered for as long as the process runs. It finds no leader in a cluster of before.
it('a client whose cluster was restored from a copy learns the elections of the copy', async () => {
  let said = { leader: 2, election: 9 };
  const opened: Pick<Target, 'host' | 'onLost'>[] = [];
  const cluster = clusterOf(() => said, opened);
  await cluster.topic(TOPIC.topic);
  said = { leader: 1, election: 4 };
  for (const { onLost } of opened) onLost();
  await cluster.topic(TOPIC.topic);
  expect(cluster.leaderOf(TOPIC)).toBe(1);
});

// The way of a producer: it forgets a leader that refused, and looks it up. Seen to fail when the first connected broker is asked.
it('a client that is connected to all brokers learns the last election', async () => {
  for (let n = 0; n < 20; n += 1) {
    const cluster = clusterOf(split);
    for (const id of [1, 2]) {
      await cluster.metadata([TOPIC.topic]);
      await cluster.node(id);
    }
    for (let tries = 0; tries < TRIES && cluster.leaderOf(TOPIC) !== 2; tries += 1) {
      cluster.forget(TOPIC);
      await cluster.topic(TOPIC.topic);
    }
    expect(cluster.leaderOf(TOPIC)).toBe(2);
  }
});

// Planted fault: a client asks the brokers that it is connected to alone. One that is connected to the cut-off broker never learns.
it('a client that is connected to one broker learns the last election', async () => {
  for (let n = 0; n < 20; n += 1) {
    const cluster = clusterOf(split);
    for (let tries = 0; tries < TRIES && cluster.leaderOf(TOPIC) !== 2; tries += 1)
      await cluster.metadata([TOPIC.topic]);
    expect(cluster.leaderOf(TOPIC)).toBe(2);
  }
});

// Planted fault: a broker that cannot be reached is waited for at each topic. A log check of many topics runs out of time.
it('a broker that cannot be reached is asked once for the leaders of all topics', async () => {
  const opened: Pick<Target, 'host' | 'onLost'>[] = [];
  const cluster = clusterOf((host) => (host === 'b1' ? { leader: 1, election: 3 } : 'lost'), opened);
  await cluster.topicOfAll(TOPIC.topic, 1_000);
  const before = opened.length;
  for (let n = 0; n < 5; n += 1) await cluster.topicOfAll(TOPIC.topic, 1_000);
  expect(opened.slice(before).map(({ host }) => host)).toEqual([]);
});
