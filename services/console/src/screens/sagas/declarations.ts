import { importSagas } from '@convergekit/cli/operate';
import type { SagaDeclaration } from '@convergekit/saga/declare';

/** The declared sagas of the modules that the console was given, loaded once, at first use. */
export class Declarations {
  readonly #modules: readonly string[];
  #loaded: Promise<readonly SagaDeclaration[]> | undefined;
  #known: readonly SagaDeclaration[] = [];

  constructor(modules: readonly string[]) {
    this.#modules = modules;
  }

  /** Rejects, every time, when a module cannot be loaded. */
  async all(): Promise<readonly SagaDeclaration[]> {
    return (this.#known = await (this.#loaded ??= importSagas(this.#modules, 'settings')));
  }

  /** The declaration of a saga, once `all` has resolved. */
  find(name: string, version: number): SagaDeclaration | undefined {
    return this.#known.find((one) => one.name === name && one.version === version);
  }
}
