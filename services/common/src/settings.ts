import { z } from 'zod';

/** The settings of an HTTP API, for `settings` of a service. */
export const httpSettings = z
  .object({
    port: z.int().min(0).max(65_535).default(0).meta({
      description: 'The port of the HTTP routes; 0 takes any free port.',
      unit: 'none',
    }),
    host: z
      .string()
      .min(1)
      .default('127.0.0.1')
      .describe('The address that the HTTP routes listen on; 0.0.0.0 inside a container.'),
  })
  .prefault({});
