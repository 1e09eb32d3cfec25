import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { OutgoingBatch, Producer, SendResult } from '../broker.ts';
import { ByteReader, ByteWriter } from '../bytes.ts';
import { kafkajsBroker } from './kafkajs-broker.ts';

interface Produced {
  readonly acks: number;
  readonly partitions: readonly number[];
}

/** A broker that answers as the test says: for what a healthy real one does not do on demand. */
class ScriptedBroker {
  /** The error code by partition; a partition that is left out is left out of the answer. */
  produce: (request: Produced) => ReadonlyMap<number, number> | 'silence' = ({ partitions }) =>
    new Map(partitions.map((partition) => [partition, 0]));
  topicExists = true;
  metadataVersions = 13;
  readonly produced: Produced[] = [];
  leaders: readonly ScriptedBroker[] = [this];
  port = 0;
  /** The most requests that were ever waiting for their answer at once. */
  mostOpen = 0;
  #open = 0;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  async start(): Promise<this> {
    this.#server = createServer((socket) => this.#serve(socket)).listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
    onTestFinished(() => this.stop());
    return this;
  }

  stop(): void {
    this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    let held = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      held = Buffer.concat([held, bytes]);
      while (held.length >= 4 && held.length >= 4 + held.readInt32BE(0)) {
        const end = 4 + held.readInt32BE(0);
        const reader = new ByteReader(held.subarray(4, end));
        const [apiKey, apiVersion, correlationId] = [reader.int16(), reader.int16(), reader.int32()];
        reader.nullableString();
        const body = this.#answer(apiKey, apiVersion, reader);
        held = held.subarray(end);
        if (body === undefined) continue;
        this.#open += 1;
        this.mostOpen = Math.max(this.mostOpen, this.#open);
        // Later, so that a second request would arrive before the answer to the first.
        setTimeout(() => {
          this.#open -= 1;
          socket.write(
            new ByteWriter()
              .int32(body.length + 4)
              .int32(correlationId)
              .raw(body)
              .finish(),
          );
        }, 20);
      }
    });
  }

  #answer(apiKey: number, apiVersion: number, reader: ByteReader): Buffer | undefined {
    if (apiKey === 18) return this.#apiVersions(apiVersion);
    if (apiKey === 3) return this.#metadata();
    const produced = readProduce(reader);
    this.produced.push(produced);
    const codes = this.produce(produced);
    if (codes === 'silence') return undefined;
    const body = new ByteWriter().int32(1).string('orders').int32(codes.size);
    for (const [partition, code] of codes) body.int32(partition).int16(code).int64(40n).int64(-1n).int64(0n);
    return body.int32(0).finish();
  }

  #apiVersions(version: number): Buffer {
    const body = new ByteWriter().int16(0).int32(3);
    body
      .int16(0)
      .int16(0)
      .int16(13)
      .int16(3)
      .int16(0)
      .int16(this.metadataVersions)
      .int16(18)
      .int16(0)
      .int16(2);
    return version === 0 ? body.finish() : body.int32(0).finish();
  }

  #metadata(): Buffer {
    const body = new ByteWriter()
      .uvarint(0)
      .int32(0)
      .uvarint(this.leaders.length + 1);
    for (const [id, { port }] of this.leaders.entries())
      body.int32(id).compactString('127.0.0.1').int32(port).uvarint(0).uvarint(0);
    body.uvarint(0).int32(0).uvarint(2);
    body
      .int16(this.topicExists ? 0 : 3)
      .compactString('orders')
      .raw(Buffer.alloc(16, 7))
      .int8(0);
    body.uvarint(this.topicExists ? 5 : 1);
    for (let partition = 0; this.topicExists && partition < 4; partition += 1)
      body
        .int16(0)
        .int32(partition)
        .int32(partition % this.leaders.length)
        .int32(0)
        .uvarint(1)
        .uvarint(1)
        .uvarint(1)
        .uvarint(0);
    return body.int32(-1).uvarint(0).uvarint(0).finish();
  }
}

function readProduce(reader: ByteReader): Produced {
  reader.nullableString();
  const acks = reader.int16();
  reader.int32();
  const partitions = reader.array(() => {
    reader.string();
    return reader.array(() => {
      const partition = reader.int32();
      reader.bytes(reader.int32());
      return partition;
    });
  });
  return { acks, partitions: partitions.flat() };
}

async function producerOf(broker: ScriptedBroker): Promise<Producer> {
  const client = kafkajsBroker({
    brokers: [`127.0.0.1:${broker.port}`],
    clientId: 'scripted',
    requestTimeoutMs: 400,
  });
  onTestFinished(() => client.close());
  return client.producer();
}

const batches = (...partitions: readonly number[]): OutgoingBatch[] =>
  partitions.map((partition) => ({
    topic: 'orders',
    partition,
    records: [{ key: 'k', value: 'v', headers: [], timestampMs: 1 }],
  }));

const codes = (results: readonly SendResult[]): string[] =>
  results.map((result) =>
    result.ok ? 'written' : `${result.error.code} ${result.error.kind} ${result.error.certainty}`,
  );

describe('a produce answer', () => {
  it('that refuses one partition is a failure of that one alone', async () => {
    const broker = await new ScriptedBroker().start();
    broker.produce = () =>
      new Map([
        [0, 0],
        [1, 6],
        [2, 19],
        [3, 0],
      ]);
    const results = await (await producerOf(broker)).send(batches(0, 1, 2, 3));
    expect(codes(results)).toEqual([
      'written',
      'NOT_LEADER retry unknown',
      'NOT_ENOUGH_REPLICAS retry not_applied',
      'written',
    ]);
    expect(broker.produced).toEqual([{ acks: -1, partitions: [0, 1, 2, 3] }]);
  });

  it('of an unknown topic heals when the cluster knows the topic, and halts it otherwise', async () => {
    const broker = await new ScriptedBroker().start();
    broker.produce = () => new Map([[0, 3]]);
    const producer = await producerOf(broker);
    expect(codes(await producer.send(batches(0)))).toEqual(['LEADER_NOT_AVAILABLE retry not_applied']);
    broker.produce = () => {
      broker.topicExists = false;
      return new Map([[0, 3]]);
    };
    expect(codes(await producer.send(batches(0)))).toEqual(['TOPIC_UNKNOWN halt_topic not_applied']);
  });

  it('that leaves a partition out says nothing about it', async () => {
    const broker = await new ScriptedBroker().start();
    broker.produce = () => new Map([[0, 0]]);
    expect(codes(await (await producerOf(broker)).send(batches(0, 1)))).toEqual([
      'written',
      'UNKNOWN_SERVER_ERROR retry unknown',
    ]);
  });

  it('that never comes leaves the writes open, and they are not sent again', async () => {
    const broker = await new ScriptedBroker().start();
    broker.produce = () => 'silence';
    const results = await (await producerOf(broker)).send([...batches(0, 1), ...batches(0)]);
    expect(codes(results)).toEqual([
      'TIMEOUT retry unknown',
      'TIMEOUT retry unknown',
      'EARLIER_BATCH_FAILED retry not_applied',
    ]);
    expect(broker.produced).toHaveLength(1);
  });

  it('is awaited before the next request to the same broker', async () => {
    const broker = await new ScriptedBroker().start();
    const producer = await producerOf(broker);
    await Promise.all([
      producer.send(batches(0)),
      producer.send(batches(0, 1)),
      producer.send([...batches(1), ...batches(1)]),
    ]);
    expect(broker.produced.map(({ partitions }) => partitions)).toEqual([[0], [0, 1], [1], [1]]);
    expect(broker.mostOpen).toBe(1);
  });

  it('of a broker that is away fails its partitions, and only those', async () => {
    const there = await new ScriptedBroker().start();
    const away = await new ScriptedBroker().start();
    there.leaders = [there, away];
    away.stop();
    const results = await (await producerOf(there)).send(batches(0, 1, 2, 3));
    expect(codes(results)).toEqual([
      'written',
      'BROKER_UNREACHABLE retry not_applied',
      'written',
      'BROKER_UNREACHABLE retry not_applied',
    ]);
  });

  it('cannot be had from a broker that is too old', async () => {
    const broker = await new ScriptedBroker().start();
    broker.metadataVersions = 8;
    await expect(producerOf(broker)).rejects.toMatchObject({ code: 'BROKER_TOO_OLD', kind: 'configuration' });
  });
});
