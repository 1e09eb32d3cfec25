import { CodecUnavailable, type PayloadCodec, type PayloadOf } from './payload-codec.ts';

/** The part of `SchemaRegistry` of @kafkajs/confluent-schema-registry that is used. */
export interface ConfluentRegistry {
  /** Returns the id of the subject's latest schema. */
  getLatestSchemaId(subject: string): Promise<number>;
  /** The wire format of Confluent: a zero byte, the schema's id in four bytes, the payload. */
  encode(id: number, payload: unknown): Promise<Buffer>;
  /** Decodes such bytes with the schema that they name. */
  decode(bytes: Buffer): Promise<unknown>;
}

export interface ConfluentCodecOptions {
  /** The subject of an event's schema. Each version of an event has its own. @default `<topic>-<type>.v<version>` */
  readonly subject?: (of: PayloadOf) => string;
}

/** The length of the zero byte and the schema's id. */
const HEAD_BYTES = 5;
/** Answers that a repeated request gets again. The library reports a lost connection as 400, so that is none of them. */
const FINAL = [401, 403, 404, 409, 422];

/**
 * Encodes payloads with the latest schema of their subject, and decodes them with the one that each names.
 * @example
 * ```ts
 * import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
 * import { confluentCodec, withCodec } from 'convergekit/kafka';
 * import { broker } from './shop.ts';
 *
 * const registry = new SchemaRegistry({ host: 'http://localhost:8081' });
 * export const avro = withCodec(broker, confluentCodec(registry));
 * ```
 */
export function confluentCodec(
  registry: ConfluentRegistry,
  { subject = ({ topic, type, version }) => `${topic}-${type}.v${version}` }: ConfluentCodecOptions = {},
): PayloadCodec {
  const ids = new Map<string, Promise<number>>();
  const idOf = (name: string): Promise<number> => {
    const known = ids.get(name);
    if (known !== undefined) return known;
    const asked = registry.getLatestSchemaId(name);
    ids.set(name, asked);
    asked.catch(() => ids.delete(name));
    return asked;
  };
  return {
    owns: (value) => value.length >= HEAD_BYTES && value[0] === 0,
    encode: async (payload, of) => {
      const data: unknown = JSON.parse(Buffer.from(payload).toString('utf8'));
      return answered(`subject ${subject(of)}`, async () => registry.encode(await idOf(subject(of)), data));
    },
    decode: async (value) => {
      const id = value.readUInt32BE(1);
      return Buffer.from(JSON.stringify(await answered(`schema ${id}`, () => registry.decode(value))));
    },
  };
}

async function answered<T>(what: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // Errors without a status are of the schema: the payload does not fit.
    if (!('status' in error) || FINAL.includes(error.status as number))
      throw new Error(`${what}: ${error.message}`, { cause: error });
    throw new CodecUnavailable(`the schema registry did not answer about ${what}: ${error.message}`, error);
  }
}
