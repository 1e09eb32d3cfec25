import { type DynamicModule, Module, type ModuleMetadata, type Provider } from '@nestjs/common';
import { CONVERGE_DATABASE, CONVERGE_OPTIONS, CONVERGE_OUTBOX, type ConvergeOptions } from './options.ts';
import { RunningServices } from './running-services.ts';
import { TransactionEvents } from './transaction-events.ts';

interface ConvergeAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** The tokens of the factory's arguments. @default none */
  readonly inject?: readonly Token[];
  // A method, so that a factory may take what `inject` names: no type can follow that.
  useFactory(...injected: unknown[]): ConvergeOptions | Promise<ConvergeOptions>;
}

type Token = Extract<Provider, { provide: unknown }>['provide'];

/**
 * The module of the kit, global. Import it once.
 * @example
 * ```ts
 * import { ConvergeModule } from '@convergekit/nest';
 * import { consumerService, relay } from 'convergekit/process';
 * import { broker, database, outbox, payments } from './shop.ts';
 *
 * // For the imports of the application's module.
 * export const converge = ConvergeModule.forRoot({
 *   outbox,
 *   database,
 *   services: [relay({ database, broker }), consumerService([payments], { database, broker })],
 * });
 * ```
 */
export class ConvergeModule {
  static forRoot(options: ConvergeOptions): DynamicModule {
    return moduleWith({ provide: CONVERGE_OPTIONS, useValue: options });
  }

  /** Gets the options from a factory: handlers of consumers can use providers of the application. */
  static forRootAsync(options: ConvergeAsyncOptions): DynamicModule {
    const { imports = [], inject = [] } = options;
    const useFactory = (...injected: unknown[]) => options.useFactory(...injected);
    return { ...moduleWith({ provide: CONVERGE_OPTIONS, useFactory, inject: [...inject] }), imports };
  }
}

// Without the syntax of decorators, which would have to be compiled.
Module({})(ConvergeModule);

function moduleWith(options: Provider): DynamicModule {
  const inject = [CONVERGE_OPTIONS];
  return {
    module: ConvergeModule,
    global: true,
    providers: [
      options,
      {
        provide: RunningServices,
        useFactory: (given: ConvergeOptions) => new RunningServices(given),
        inject,
      },
      { provide: TransactionEvents, useFactory: () => new TransactionEvents() },
      { provide: CONVERGE_OUTBOX, useFactory: ({ outbox }: ConvergeOptions) => outbox, inject },
      { provide: CONVERGE_DATABASE, useFactory: ({ database }: ConvergeOptions) => database, inject },
    ],
    exports: [TransactionEvents, CONVERGE_OUTBOX, CONVERGE_DATABASE],
  };
}
