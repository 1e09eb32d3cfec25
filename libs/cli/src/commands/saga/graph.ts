import { checkGraph, drawSaga, type Listener, type SagaDeclaration } from '@convergekit/saga/declare';
import type { CommandContext } from '../../frame/context.ts';
import { exportsOf, invalidModule } from '../../frame/module-exports.ts';

export interface GraphFlags {
  /** Also against the consumers that the modules export. */
  readonly consumers?: boolean;
}

/** Checks and draws the sagas that modules export; connects to nothing. Rejects with SAGA_INVALID. */
export async function graphCommand(
  { output }: CommandContext,
  modules: readonly string[],
  { consumers = false }: GraphFlags,
): Promise<boolean> {
  const exported = (await Promise.all(modules.map(exportsOf))).flat();
  const declarations = exported.filter(isSaga).map(({ declaration }) => declaration);
  if (declarations.length === 0)
    throw invalidModule(
      'MODULE_EMPTY',
      `${modules.join(', ')} export no saga: export what the builder of @convergekit/saga/declare returns`,
    );
  checkGraph(declarations, ...(consumers ? [exported.filter(isConsumer)] : []));
  const drawn = declarations.map((declaration) => ({
    saga: declaration.name,
    version: declaration.version,
    mermaid: drawSaga(declaration),
  }));
  output.result(drawn, () =>
    drawn.flatMap(({ saga, version, mermaid }) => [`%% ${saga} v${version}`, mermaid]),
  );
  return true;
}

export function isSaga(value: unknown): value is { readonly declaration: SagaDeclaration } {
  if (typeof value !== 'object' || value === null || !('declaration' in value)) return false;
  const { stages, start } = value.declaration as Partial<SagaDeclaration>;
  return Array.isArray(stages) && typeof start === 'function';
}

function isConsumer(value: unknown): value is Listener {
  if (typeof value !== 'object' || value === null) return false;
  const { name, subscriptions } = value as Partial<Listener>;
  return typeof name === 'string' && Array.isArray(subscriptions);
}
