import type { IncomingMessage } from 'node:http';
import { readSettings } from '@convergekit/operate/host';
import { type ConsoleHandler, openConsole } from './console.ts';
import type { ConsolePerson } from './security/identify.ts';

/** Settings of a console that is mounted in an application. Everything else comes from the environment or the file. */
export interface ConsoleSettings {
  /** The path under which it is mounted, such as `/ops/console`. @default CONVERGE__CONSOLE__BASE_PATH, else `/` */
  readonly basePath?: string;
  /** The databases that it shows, by name. @default those of CONVERGE__DATABASES__<NAME> */
  readonly databases?: Readonly<Record<string, string>>;
  /**
   * Returns the person of a request, by the login of the application; undefined = no user is signed in. `node` is the request
   * of `node:http` where it came through `listener`, with what middleware has put on it. Leave it out where people sign in with
   * tokens of the settings.
   */
  readonly person?: (
    request: Request,
    node: IncomingMessage | undefined,
  ) => ConsolePerson | undefined | Promise<ConsolePerson | undefined>;
  /** A YAML file with further settings. @default none */
  readonly file?: string;
  /** The environment that further settings are read from. @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Makes the console as a handler of requests, for a path of your own application. Only people who are signed in may read
 * there, unless CONVERGE__CONSOLE__READS says otherwise.
 * @throws ConvergeError CONFIG_MISSING without a database, CONFIG_INVALID for settings that cannot be used
 * @example
 * ```ts
 * import { consoleHandler } from '@convergekit/console';
 * import { Hono } from 'hono';
 *
 * const operators = consoleHandler({
 *   basePath: '/ops/console',
 *   databases: { shop: 'postgres://reader@localhost/shop' },
 *   person: (request) => (request.headers.get('cookie')?.includes('login=') ? { name: 'ada' } : undefined),
 * });
 * const app = new Hono().all('/ops/console/*', (c) => operators(c.req.raw));
 * process.once('SIGTERM', () => void operators.close());
 * ```
 */
export function consoleHandler({
  basePath,
  databases,
  person,
  file,
  env = process.env,
}: ConsoleSettings = {}): ConsoleHandler {
  const read = readSettings(env, file);
  const settings = {
    ...read,
    ...(databases !== undefined && { databases: { ...databases } }),
    ...(basePath !== undefined && { console: { ...read.console, basePath } }),
  };
  return openConsole(settings, { findPerson: person }).handler;
}
