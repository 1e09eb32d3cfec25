import type { EventDefinition } from '../event-definition.ts';
import { CONTENT_TYPE, SPEC_VERSION, WIRE } from '../wire.ts';
import { type JsonSchema, jsonSchemaOf } from './json-schema.ts';

export interface AsyncApiInfo {
  /** @default 'Events' */
  readonly title?: string;
  /** The version of the document, not of the events. @default '1.0.0' */
  readonly version?: string;
}

/** Builds an AsyncAPI 3 document: a channel per topic, a message per event, Kafka headers and keys. */
export function asyncApiOf(
  definitions: readonly EventDefinition[],
  { title = 'Events', version = '1.0.0' }: AsyncApiInfo = {},
): JsonSchema {
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
    operations: Object.fromEntries(
      topics.map((topic) => [
        `publish.${topic}`,
        { action: 'send', channel: { $ref: `#/channels/${pointer(topic)}` }, summary: `Events of ${topic}` },
      ]),
    ),
    components: {
      messages: Object.fromEntries(definitions.map((one) => [nameOf(one), message(one)])),
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

function message(definition: EventDefinition): JsonSchema {
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
