import type { z } from 'zod';
import { jsonSchemaOf } from './json.ts';

/** An operation of the API, as the document shows it. */
export interface Operation {
  readonly method: 'get' | 'post';
  /** In Hono's form: `/api/sagas/:id`. */
  readonly path: string;
  readonly summary: string;
  readonly input: z.ZodObject;
  readonly answer: z.ZodType;
  /** True for an operation that needs a user. */
  readonly acts: boolean;
}

/** Makes the OpenAPI 3.1 document of the operations. Pure. */
export function openApiOf(
  operations: readonly Operation[],
  version: string,
  base: string,
): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const one of operations) {
    const path = one.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [one.method]: operationOf(one) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Converge console',
      version,
      description:
        'Every page of the console has its twin here. Reads need no user; an action needs a bearer token.',
    },
    servers: [{ url: base === '' ? '/' : base }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Refusal: REFUSAL },
    },
  };
}

const REFUSAL = {
  type: 'object',
  properties: { code: { type: 'string' }, message: { type: 'string' } },
  required: ['code', 'message'],
} as const;

function operationOf({ method, path, summary, input, answer, acts }: Operation): Record<string, unknown> {
  const inPath = new Set([...path.matchAll(/:(\w+)/g)].map(([, name]) => name ?? ''));
  const schema = jsonSchemaOf(input, 'input');
  const properties = (schema['properties'] ?? {}) as Record<string, Record<string, unknown>>;
  const required = new Set((schema['required'] ?? []) as readonly string[]);
  const names = Object.keys(properties);
  const parameters = names
    .filter((name) => inPath.has(name) || method === 'get')
    .map((name) => ({
      name,
      in: inPath.has(name) ? 'path' : 'query',
      required: inPath.has(name) || required.has(name),
      schema: properties[name],
    }));
  const inBody = names.filter((name) => !inPath.has(name));
  const body = {
    type: 'object',
    properties: Object.fromEntries(inBody.map((name) => [name, properties[name]])),
    required: inBody.filter((name) => required.has(name)),
  };
  return {
    operationId: `${method}${path.replaceAll(/[/:-]+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(method === 'post' && {
      requestBody: { required: true, content: { 'application/json': { schema: body } } },
    }),
    ...(acts && { security: [{ token: [] }] }),
    responses: {
      '200': {
        description: 'Done',
        content: { 'application/json': { schema: jsonSchemaOf(answer, 'output') } },
      },
      default: {
        description: 'Refused; nothing was changed',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Refusal' } } },
      },
    },
  };
}
