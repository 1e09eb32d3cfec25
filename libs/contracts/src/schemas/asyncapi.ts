import type { EventDefinition } from '../event-definition.ts';
import { CONTENT_TYPE, SPEC_VERSION, WIRE } from '../wire.ts';
import { type JsonSchema, jsonSchemaOf } from './json-schema.ts';

export interface AsyncApiInfo {
  /** The heading of the document. @default 'Events' */
  readonly title?: string;
  /** The version of the document, not of the events. @default '1.0.0' */
  readonly version?: string;
  /** Events of other services that this one receives. @default none */
  readonly received?: readonly EventDefinition[];
}

/**
 * Builds an AsyncAPI 3 document: a channel per topic, a message per event, Kafka headers and keys. The extensions
 * `x-eventcatalog-*` are for EventCatalog: the kind of each message, its version, and whether its contract is this service's.
 */
export function asyncApiOf(
  sent: readonly EventDefinition[],
  { title = 'Events', version = '1.0.0', received = [] }: AsyncApiInfo = {},
): JsonSchema {
  const definitions = [...sent, ...received];
  const topics = [...new Set(definitions.map(({ topic }) => topic))].sort();
  return {
    asyncapi: '3.0.0',
    info: {
      title,
      version,
      description: 'CloudEvents 1.0 over Kafka in binary mode; generated from the definitions.',
    },
    defaultContentType: CONTENT_TYPE,
    channels: Object.fromEntries(
      topics.map((topic) => [
        topic,
        { address: topic, messages: refs(definitions.filter((one) => one.topic === topic)) },
      ]),
    ),
    operations: Object.fromEntries([
      ...topics.flatMap((topic) => operation('publish', topic, sent)),
      ...topics.flatMap((topic) => operation('receive', topic, received)),
    ]),
    components: {
      messages: Object.fromEntries([
        ...sent.map((one) => [nameOf(one), message(one, 'provider')] as const),
        ...received.map((one) => [nameOf(one), message(one, 'client')] as const),
      ]),
      schemas: Object.fromEntries(definitions.flatMap(schemas)),
    },
  };
}

export function nameOf({ type, version }: EventDefinition): string {
  return `${type}.v${version}`;
}

function refs(definitions: readonly EventDefinition[]): JsonSchema {
  return Object.fromEntries(
    definitions.map((one) => [nameOf(one), { $ref: `#/components/messages/${pointer(nameOf(one))}` }]),
  );
}

/** The operation of a topic; none where it has no such event. */
function operation(
  name: 'publish' | 'receive',
  topic: string,
  definitions: readonly EventDefinition[],
): readonly (readonly [string, JsonSchema])[] {
  const here = definitions.filter((one) => one.topic === topic);
  if (here.length === 0) return [];
  const channel = `#/channels/${pointer(topic)}`;
  return [
    [
      `${name}.${topic}`,
      {
        action: name === 'publish' ? 'send' : 'receive',
        channel: { $ref: channel },
        summary: `Events of ${topic}`,
        messages: here.map((one) => ({ $ref: `${channel}/messages/${pointer(nameOf(one))}` })),
      },
    ],
  ];
}

function message(definition: EventDefinition, role: 'provider' | 'client'): JsonSchema {
  const text = { type: 'string' };
  return {
    name: definition.type,
    title: nameOf(definition),
    contentType: CONTENT_TYPE,
    headers: {
      type: 'object',
      properties: {
        [WIRE.id]: text,
        [WIRE.source]: text,
        [WIRE.type]: { type: 'string', const: definition.type },
        [WIRE.specVersion]: { type: 'string', const: SPEC_VERSION },
        [WIRE.time]: { type: 'string', format: 'date-time' },
        [WIRE.dataSchema]: { type: 'string', const: jsonSchemaOf(definition)['$id'] },
        [WIRE.position]: text,
        [WIRE.prev]: text,
      },
      required: [WIRE.id, WIRE.source, WIRE.type, WIRE.specVersion],
    },
    payload: { $ref: `#/components/schemas/${pointer(nameOf(definition))}` },
    bindings: { kafka: { key: { type: 'string' }, bindingVersion: '0.5.0' } },
    'x-eventcatalog-message-type': 'event',
    'x-eventcatalog-message-version': `${definition.version}.0.0`,
    'x-eventcatalog-role': role,
  };
}

/**
 * Returns the payload's schema and its inner definitions, moved to the document.
 * A `$ref` resolves from the document's root. The schema is of draft 07, on which AsyncAPI's schema format is based.
 */
function schemas(definition: EventDefinition): (readonly [string, unknown])[] {
  const { definitions, ...whole } = jsonSchemaOf(definition, 'draft-07');
  // The `$id` of a schema is removed: it would change the base of references, which is the document.
  const schema = Object.fromEntries(
    Object.entries(whole).filter(([keyword]) => keyword !== '$schema' && keyword !== '$id'),
  );
  const name = nameOf(definition);
  const lifted = Object.entries((definitions ?? {}) as Record<string, unknown>);
  return [
    [name, rebase(schema, name)],
    ...lifted.map(([inner, value]) => [`${name}.${inner}`, rebase(value, name)] as const),
  ];
}

function rebase(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return value.map((one) => rebase(one, name));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]: [string, unknown]) => [
      key,
      key === '$ref' && typeof inner === 'string' ? rebaseRef(inner, name) : rebase(inner, name),
    ]),
  );
}

function rebaseRef(ref: string, name: string): string {
  const inner = ref === '#' ? '' : ref.replace('#/definitions/', '.');
  return `#/components/schemas/${pointer(name)}${inner}`;
}

function pointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
