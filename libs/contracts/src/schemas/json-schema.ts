import { messageOf } from '@convergekit/core/engine';
import { ContractError } from '../contract-error.ts';
import type { EventDefinition } from '../event-definition.ts';
import { dataSchemaOf } from '../wire.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;
export type JsonSchemaDraft = 'draft-2020-12' | 'draft-07';

/** The used part of the Standard JSON Schema interface, which zod 4 and others implement. */
interface Converter {
  readonly jsonSchema?: {
    readonly input: (options: {
      readonly target: JsonSchemaDraft;
      readonly libraryOptions?: Readonly<Record<string, unknown>>;
    }) => Record<string, unknown>;
  };
}

/** Converts a definition's schema to JSON Schema, as readers accept it: the input side. */
export function jsonSchemaOf(
  definition: EventDefinition,
  draft: JsonSchemaDraft = 'draft-2020-12',
): JsonSchema {
  const { type, version } = definition;
  const converter = (definition.schema['~standard'] as Converter).jsonSchema;
  if (converter === undefined)
    throw new ContractError(
      'SCHEMAS_UNREADABLE',
      `the schema of ${type} (${definition.schema['~standard'].vendor}) cannot be written as JSON Schema: use a library with the Standard JSON Schema interface, for example zod 4`,
    );
  const { $schema, ...schema } = convert(definition, converter, draft);
  return { $schema, $id: dataSchemaOf(type, version), title: `${type} v${version}`, ...schema };
}

function convert(
  { type }: EventDefinition,
  converter: NonNullable<Converter['jsonSchema']>,
  target: JsonSchemaDraft,
): Record<string, unknown> {
  try {
    // zod writes a type that JSON Schema lacks (a Date made from a string) as "anything".
    return converter.input({ target, libraryOptions: { unrepresentable: 'any' } });
  } catch (cause) {
    const why = messageOf(cause);
    throw new ContractError('SCHEMAS_UNREADABLE', `the schema of ${type} has no JSON Schema: ${why}`, {
      cause,
    });
  }
}
