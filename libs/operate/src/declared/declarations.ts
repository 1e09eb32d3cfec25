import type { EventDefinition } from '@convergekit/contracts';
import type { Reconciler } from '@convergekit/reconcile';
import type { SagaDeclaration } from '@convergekit/saga/declare';
import { reconcilersOfSettings } from './reconcilers.ts';
import { importSagas } from './sagas.ts';
import { importEvents } from './events.ts';
import type { Settings } from '../host/settings.ts';

/** What the modules of the settings declare. Each kind is imported once, at its first use. */
export interface Declarations {
  readonly events: () => Promise<readonly EventDefinition[]>;
  readonly sagas: () => Promise<readonly SagaDeclaration[]>;
  readonly reconcilers: () => Promise<readonly Reconciler[]>;
}

/** Makes the declarations of the settings. Each rejects, every time, when a module cannot be loaded. */
export function declarationsOf(settings: Settings): Declarations {
  return {
    events: once(() => importEvents(settings.modules, 'settings')),
    sagas: once(() => importSagas(settings.modules, 'settings')),
    reconcilers: once(() => reconcilersOfSettings(settings)),
  };
}

function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () => (loaded ??= load());
}
