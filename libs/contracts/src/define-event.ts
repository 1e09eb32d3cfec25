import { deepFreeze } from '@convergekit/core/engine';
import { ContractError } from './contract-error.ts';
import type { DomainEvent, EventDefinition, Upcasts } from './event-definition.ts';
import { checkPayload, encodePayload, parsePayload } from './payload.ts';
import { type SearchField, searchDigests } from './search.ts';
import { type InferInput, type InferOutput, type StandardSchema, validate } from './standard-schema.ts';

export interface DefineEventOptions<Schema extends StandardSchema> {
  /** The version, from 1. An incompatible change needs the next version and an `upcast` from the previous one. @default 1 */
  readonly version?: number;
  /** The topic: the events of an aggregate belong into one, since the order of a key holds within a topic. */
  readonly topic: string;
  /** Returns the key: 1 byte to 1 KB. Events of one key keep the order in which their transactions committed. */
  readonly key: (data: InferOutput<Schema>) => string;
  /** The schema of the payload: any Standard Schema with synchronous checks. */
  readonly data: Schema;
  /**
   * Fields by which operators find the event, as long as its row is retained: `['orderId', 'email']`. Name those whose value few
   * events have; each costs an entry of an index at the emit. @default none
   */
  readonly search?: readonly SearchField<InferOutput<Schema>>[];
  /** Upcast steps, one for each older version that must stay readable, without gaps. @default none */
  readonly upcast?: Upcasts;
}

/**
 * Defines an event. An invalid definition throws DEFINITION_INVALID at import, not at the first emit.
 * @param type dotted and lower-case, for example `shop.order.placed`; never reuse one for another meaning
 * @example
 * ```ts
 * import { defineEvent } from 'convergekit';
 * import { z } from 'zod';
 *
 * export const orderPlaced = defineEvent('order.placed', {
 *   topic: 'orders',
 *   key: ({ orderId }) => orderId,
 *   data: z.object({ orderId: z.string(), cents: z.int() }),
 * });
 * ```
 */
export function defineEvent<const Type extends string, Schema extends StandardSchema>(
  type: Type,
  options: DefineEventOptions<Schema>,
): EventDefinition<Type, InferOutput<Schema>, InferInput<Schema>> {
  type Data = InferOutput<Schema>;
  const { version = 1, topic, key, search } = options;
  checkDefinition({ ...options, type, version });
  // Schemas carry their types only by inference; `validate` returns the schema's own output.
  const schema = options.data as StandardSchema<unknown, Data>;
  const upcast: Upcasts = Object.freeze({ ...options.upcast });

  const oldest = Math.min(version, ...Object.keys(upcast).map(Number));

  const parse = (payload: string, from: number): Data =>
    validate(schema, applyUpcasts(type, from, version, upcast, parsePayload(payload)), `${type} v${from}`);

  const emit = (input: InferInput<Schema>): DomainEvent<Data, Type> => {
    const payload = encodePayload(validate(schema, input, type), type);
    checkPayload(payload);
    const data = checkReadBack(type, payload, parse(payload, version));
    const event = { definition, type, version, topic, key: keyOf(type, key(data)), data, payload };
    return Object.freeze(search === undefined ? event : { ...event, search: searchDigests(data, search) });
  };
  const definition: EventDefinition<Type, Data, InferInput<Schema>> = Object.freeze(
    Object.assign(emit, { type, version, oldest, topic, schema, keyOf: key, parse }),
  );
  return definition;
}

/**
 * Reads the payload back and fails unless it equals the writer's data.
 * A schema that reads its own output differently (`z.string().transform(Number)`, a Date without coerce) would otherwise
 * fail first in a consumer, after the commit.
 */
function checkReadBack<Data>(type: string, payload: string, data: Data): Data {
  if (encodePayload(data, type) !== payload)
    throw new ContractError(
      'DATA_CHANGES_WHEN_READ',
      `${type} does not read back as it was written: its schema changes its own output; use one whose output is also its input (z.coerce.date(), z.codec), or transform before the emit`,
    );
  return deepFreeze(data);
}

function applyUpcasts(type: string, from: number, to: number, steps: Upcasts, data: unknown): unknown {
  if (!Number.isInteger(from) || from < 1 || from > to)
    throw new ContractError(
      'VERSION_UNKNOWN',
      `${type} v${from} is not known here (up to v${to}): deploy the newer contract to this consumer first`,
    );
  let current = data;
  for (let version = from; version < to; version += 1) {
    const step = steps[version];
    if (step === undefined)
      throw new ContractError('VERSION_UNKNOWN', `${type} has no upcast from v${version}: add one`);
    current = attempt(type, version, () => step(current));
  }
  return current;
}

function attempt(type: string, version: number, step: () => unknown): unknown {
  try {
    return step();
  } catch (cause) {
    throw new ContractError('UPCAST_FAILED', `the upcast of ${type} from v${version} threw`, { cause });
  }
}

/** True for a key that an event of the kit can have. A received one may be any text. */
export function isKey(key: unknown): key is string {
  const good = typeof key === 'string' && key !== '' && key.isWellFormed() && Buffer.byteLength(key) <= 1024;
  // eslint-disable-next-line no-control-regex
  return good && !/[\u0000-\u001f\u007f]/.test(key);
}

function keyOf(type: string, key: unknown): string {
  if (isKey(key)) return key;
  throw new ContractError(
    'KEY_INVALID',
    `the key of ${type} is ${typeof key === 'string' ? 'a text that does not fit' : String(key)}, but must be 1 to 1024 bytes of text without control characters: have its \`key\` function return such a text, for example the id of what the event is about`,
  );
}

const TYPE = /^[a-z][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*$/;
const TOPIC = /^[A-Za-z0-9._-]{1,249}$/;

interface DefinitionShape {
  readonly type: string;
  readonly version: number;
  readonly topic: string;
  readonly data: StandardSchema;
  readonly search?: readonly string[];
  readonly upcast?: Upcasts;
}

/** The most fields of one event that can be found by. */
const MOST_SEARCHED = 8;

function checkDefinition({ type, version, topic, data, search = [], upcast = {} }: DefinitionShape): void {
  const wrong = (field: string, what: string): ContractError =>
    new ContractError('DEFINITION_INVALID', `defineEvent(${JSON.stringify(type)}): ${field} ${what}`);
  if (!TYPE.test(type) || type.length > 200)
    throw wrong('type', 'must be lower-case words joined by dots, for example shop.order.placed');
  if (!Number.isInteger(version) || version < 1) throw wrong('version', 'must be a whole number from 1');
  if (!TOPIC.test(topic) || topic === '.' || topic === '..')
    throw wrong('topic', 'must be a Kafka topic name: at most 249 of letters, digits, ".", "_", "-"');
  if ((data as Partial<StandardSchema>)['~standard']?.version !== 1)
    throw wrong('data', 'must be a Standard Schema, for example a zod schema');
  if (search.length > MOST_SEARCHED) throw wrong('search', `has more than ${MOST_SEARCHED} fields`);
  const steps = Object.keys(upcast).map(Number);
  const first = Math.min(...steps);
  if (
    steps.length > 0 &&
    (first < 1 || steps.length !== version - first || steps.some((step) => step >= version))
  )
    throw wrong('upcast', `must have one step for each version from ${first} to ${version - 1}`);
}
