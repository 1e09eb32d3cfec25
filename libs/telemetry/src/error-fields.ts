/** The fields of an error in a log. */
export interface ErrorFields {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly category?: string;
  readonly certainty?: string;
  readonly stack?: string;
  readonly cause?: ErrorFields;
}

const MAX_CAUSES = 5;

/**
 * Extracts a fixed list of fields from an error.
 * Drivers attach rows, parameters and whole responses to their errors (Postgres's DETAIL quotes the failing row): copying
 * every property would put payloads into logs.
 */
export function errorFields(error: unknown, depth = 0): ErrorFields {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  return {
    type: error.name,
    message: error.message,
    ...text(error, 'code'),
    ...text(error, 'category'),
    ...text(error, 'certainty'),
    ...(depth === 0 && error.stack !== undefined ? { stack: error.stack } : {}),
    ...(error.cause === undefined || depth >= MAX_CAUSES
      ? {}
      : { cause: errorFields(error.cause, depth + 1) }),
  };
}

function text<Name extends string>(error: object, name: Name): { [N in Name]?: string } {
  const value: unknown = Reflect.get(error, name);
  return typeof value === 'string' ? ({ [name]: value } as { [N in Name]?: string }) : {};
}
