import { z } from 'zod';

/** The settings of an HTTP API, for `settings` of a service. */
export const httpSettings = z
  .object({
    /** CONVERGE__HTTP__PORT; 0 takes any free port. @default 0 */
    port: z.int().min(0).max(65_535).default(0),
    /** CONVERGE__HTTP__HOST: 0.0.0.0 inside a container. @default 127.0.0.1 */
    host: z.string().min(1).default('127.0.0.1'),
  })
  .prefault({});
