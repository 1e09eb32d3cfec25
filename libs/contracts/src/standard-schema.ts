import { ContractError, type ContractIssue } from './contract-error.ts';

/**
 * The used part of the Standard Schema interface (https://standardschema.dev, v1). zod, valibot, arktype and others
 * implement it, so a definition is not tied to one validation library.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** The interface, which a validation library implements; no application writes it. */
  readonly '~standard': {
    /** The version of the Standard Schema interface. */
    readonly version: 1;
    /** The name of the library, for errors. */
    readonly vendor: string;
    /** Validates a value, and returns its parsed form or the issues. */
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** The types, for the compiler only; undefined at run time. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type SchemaResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

export type InferInput<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['input'];
export type InferOutput<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['output'];

/** Validates synchronously. Throws DATA_INVALID, and SCHEMA_ASYNC for an asynchronous schema. */
export function validate<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
  what: string,
): Output {
  const result = run(schema, value, what);
  if (result instanceof Promise) {
    // An unhandled late rejection of this promise would end the process.
    result.catch(() => undefined);
    throw new ContractError(
      'SCHEMA_ASYNC',
      `${what} has an asynchronous schema (${schema['~standard'].vendor}), but events are validated inside a database transaction: use synchronous checks only, and do look-ups before the emit`,
    );
  }
  if (result.issues === undefined) return result.value;
  const issues = result.issues.map(readable);
  throw new ContractError('DATA_INVALID', `${what} does not fit its contract: ${summary(issues)}`, {
    issues,
  });
}

function run<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
  what: string,
): SchemaResult<Output> | Promise<SchemaResult<Output>> {
  try {
    return schema['~standard'].validate(value);
  } catch (cause) {
    throw new ContractError('DATA_INVALID', `${what}: the schema threw instead of answering`, { cause });
  }
}

function readable(issue: SchemaIssue): ContractIssue {
  const steps = (issue.path ?? []).map((step) => String(typeof step === 'object' ? step.key : step));
  return { path: steps.join('.'), message: issue.message };
}

function summary(issues: readonly ContractIssue[]): string {
  const shown = issues
    .slice(0, 5)
    .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  const rest = issues.length - shown.length;
  return shown.join('; ') + (rest > 0 ? `; and ${rest} more` : '');
}
