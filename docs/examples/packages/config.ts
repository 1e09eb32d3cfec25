import { healthServer, loadConfig, watchEventLoop } from 'convergekit/process';
import { z } from 'zod';

const schema = z.object({
  database: z.object({ url: z.string() }),
  health: z.object({ port: z.int().default(8080) }).prefault({}),
});

// From DATABASE_URL and CONVERGE__HEALTH__PORT. A YAML file (`file`) and flags are sources, too.
export const settings = loadConfig(schema, { env: process.env });

const loop = watchEventLoop();
let ready = false;

/** A service for `runServices`: start it first and stop it last. */
export const health = healthServer({
  port: settings.health.port,
  checks: () => ({ consumers: { ok: ready } }), // /readyz
  live: () => ({ eventLoop: loop.check() }), // /livez
});
export const setReady = (value: boolean) => (ready = value);
