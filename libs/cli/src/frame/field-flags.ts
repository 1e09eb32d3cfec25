import type { Field, Fields } from '@convergekit/operate/registry';
import { InvalidArgumentError } from 'commander';
import { count, type Flag, type Flags, instant, json, text, toggle } from './flags.ts';

interface ArgsAndFlags {
  readonly args: Flags;
  readonly flags: Flags;
}

/** The arguments and options of fields. */
export function flagsOf(fields: Fields): ArgsAndFlags {
  const all = Object.entries(fields).map(([name, field]) => [name, field, flagOf(field)] as const);
  const those = (isArgument: boolean): Flags =>
    Object.fromEntries(
      all.flatMap(([name, field, flag]) =>
        (field.isArgument ?? false) === isArgument ? [[name, flag]] : [],
      ),
    );
  return { args: those(true), flags: those(false) };
}

function flagOf(field: Field): Flag<unknown> {
  return { ...shapeFlag(field), ...(field.isRequired === true && { required: true }) };
}

function shapeFlag({ shape, help, schema }: Field): Flag<unknown> {
  switch (shape.kind) {
    case 'toggle':
      return toggle(help);
    case 'text':
      return {
        ...text(shape.value, help),
        ...(shape.choices === undefined ? { parse: checked(schema) } : { choices: shape.choices }),
      };
    case 'span':
      return {
        ...text(shape.value, `${help}, as 30m, 2h or 1d (default: ${shape.suggested})`),
        parse: checked(schema),
      };
    case 'texts': {
      const { value, choices } = shape;
      // Choices are checked by the parser of the command line, which names them.
      const own = choices === undefined ? { parse: gathered(schema) } : { choices };
      return { help, value, many: true, initial: [], ...own };
    }
    case 'whole':
      return shape.initial === undefined ? count(shape.value, help) : count(shape.value, help, shape.initial);
    case 'instant':
      return instant(help);
    case 'json':
      return json(help);
  }
}

/** Refuses a text that the schema does not take. */
function checked(schema: Field['schema']): (given: string) => unknown {
  return (given) => {
    const read = schema.safeParse(given);
    if (read.success) return read.data;
    throw new InvalidArgumentError(read.error.issues.map(({ message }) => message).join('; '));
  };
}

const gathered =
  (schema: Field['schema']) =>
  (given: string, before: unknown): unknown => [
    ...((before ?? []) as readonly unknown[]),
    ...(checked(schema)(given) as readonly unknown[]),
  ];
