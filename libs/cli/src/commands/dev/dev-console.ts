import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { databaseVariables } from './dev-environment.ts';
import type { DevProcess } from './dev-process.ts';

type Variables = Readonly<Record<string, string | undefined>>;

/** Finds the command of @convergekit/console, as the service in `folder` has it; undefined where it is not installed. */
export function findConsole(folder: string): string | undefined {
  try {
    const door = createRequire(join(folder, 'package.json')).resolve('@convergekit/console');
    return join(dirname(door), '../bin/converge-console.js');
  } catch {
    return undefined;
  }
}

export interface DevConsole {
  /** The file of its command. */
  readonly bin: string;
  readonly port: number;
  /** The token with which a developer signs in to act. */
  readonly token: string;
}

/** The process of the console: it reads the services' databases and their log, on this machine alone. Pure. */
export function consoleProcess(
  env: Variables,
  databases: Readonly<Record<string, string>>,
  { bin, port, token }: DevConsole,
): DevProcess {
  return {
    name: 'the console',
    args: [bin],
    env: {
      ...env,
      LOG_LEVEL: 'warn',
      // Any free one: a service has the other.
      CONVERGE__HEALTH__PORT: '0',
      CONVERGE__CONSOLE__PORT: String(port),
      CONVERGE__CONSOLE__TOKENS__DEVELOPER: token,
      ...databaseVariables(databases),
    },
  };
}
