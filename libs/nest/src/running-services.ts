import { endsWithin, type Service, systemClock } from '@convergekit/core';
import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { ConvergeOptions } from './options.ts';

/** The services of an application, under the lifecycle of Nest. */
export class RunningServices implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #options: ConvergeOptions;
  readonly #started: Service[] = [];
  #stopping = false;

  constructor(options: ConvergeOptions) {
    this.#options = options;
  }

  /** Starts the services in order. When one does not start, those before it are stopped, and the application fails. */
  async onApplicationBootstrap(): Promise<void> {
    const { services = [], onFailed = endProcess } = this.#options;
    try {
      for (const service of services) {
        await service.start();
        this.#started.push(service);
        service.done.catch((error: unknown) => {
          if (!this.#stopping) onFailed(service.name, error);
        });
      }
    } catch (error) {
      await this.onModuleDestroy().catch(() => undefined);
      throw error;
    }
  }

  /** Stops in the first phase of the shutdown: handlers still have the providers that they use. */
  async onModuleDestroy(): Promise<void> {
    this.#stopping = true;
    const { stopDeadlineMs = 25_000 } = this.#options;
    const services = this.#started.splice(0).toReversed();
    const late = new Set(services);
    const errors: unknown[] = [];
    const stopInOrder = async (): Promise<void> => {
      for (const service of services) {
        await service.stop().catch((error: unknown) => void errors.push(error));
        late.delete(service);
      }
    };
    await endsWithin(stopInOrder(), stopDeadlineMs, systemClock);
    if (late.size > 0)
      throw new Error(
        `the stop of ${[...late].map(({ name }) => name).join(', ')} took longer than ${stopDeadlineMs} ms: end the process`,
      );
    if (errors.length > 0) throw errors[0];
  }
}

function endProcess(name: string, error: unknown): void {
  const { stack, message } = error instanceof Error ? error : new Error(String(error));
  new Logger('Converge').fatal(`${name} cannot continue: ${message}`, stack);
  process.exitCode = 1;
  process.kill(process.pid, 'SIGTERM');
}
