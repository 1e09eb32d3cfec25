import { explain, readSettings, runLong } from '@convergekit/cli/operate';
import { logger } from '@convergekit/telemetry';
import { consoleService } from './console.ts';

/**
 * Runs the console until SIGTERM: pages about the databases of CONVERGE__CONSOLE__DATABASES__<NAME>, and of the broker
 * where one is set. Settings come from the environment, or from the YAML file `file`. Sets the exit code; never rejects.
 */
export async function runConsole(file?: string): Promise<void> {
  try {
    const settings = readSettings(process.env, file);
    const log = logger('console');
    const service = consoleService(settings);
    const announced = {
      ...service,
      start: async () => {
        await service.start();
        log.info({ url: `http://${settings.console.host}:${service.port}/` }, 'the console is open');
      },
    };
    await runLong({ name: 'console', settings, log, services: () => [announced], checks: () => ({}) });
  } catch (error) {
    const { message, exitCode } = explain(error);
    process.stderr.write(`converge-console: ${message}\n`);
    process.exitCode = exitCode;
  }
}
