import { explain, readSettings, runLong } from '@convergekit/operate/host';
import { logger } from '@convergekit/telemetry';
import { consoleService } from './console.ts';

const USAGE = `Usage: converge-console [settings.yaml]

Shows in a browser what needs an operator in the databases of CONVERGE__DATABASES__<NAME>, until SIGTERM.

  CONVERGE__DATABASES__ORDERS=postgres://…   a database, by the name that pages use; at least one
  CONVERGE__CONSOLE__PORT=7070                        the port of the pages
  CONVERGE__CONSOLE__HOST=127.0.0.1                   the address that it listens on
  CONVERGE__CONSOLE__TOKENS__ALICE=…                  the token with which a user signs in to act
  KAFKA_BROKERS=host:port                             optional: lag in records, members, the log of a key

Settings may also be in the YAML file. All of them: https://github.com/convergekit/converge/blob/main/docs/reference/settings.md
`;

/**
 * Runs the console until SIGTERM: pages about the databases of CONVERGE__DATABASES__<NAME>, and of the broker
 * where one is set. Settings come from the environment, or from the YAML file `file`. Sets the exit code; never rejects.
 * @example
 * ```ts
 * import { runConsole } from '@convergekit/console';
 *
 * await runConsole('console.yaml'); // or settings of the environment: CONVERGE__DATABASES__SHOP__URL
 * ```
 */
export async function runConsole(file?: string): Promise<void> {
  if (file === '--help' || file === '-h') return void process.stdout.write(USAGE);
  try {
    const settings = readSettings(process.env, file);
    const log = logger('console');
    const service = consoleService(settings);
    const announced = {
      ...service,
      start: async () => {
        await service.start();
        // A field `url` would be redacted, as what connects to a database.
        log.info({ address: `http://${settings.console.host}:${service.port}/` }, 'the console is open');
      },
    };
    await runLong({ name: 'console', settings, log, services: () => [announced], checks: () => ({}) });
  } catch (error) {
    const { message, exitCode } = explain(error);
    process.stderr.write(`converge-console: ${message}\n`);
    process.exitCode = exitCode;
  }
}
