import type { SagaDeclaration } from '@convergekit/saga/declare';
import { exportsLike, type NamedBy } from '../host/modules.ts';

/** Imports modules and returns the declarations of every saga that they export. */
export async function importSagas(
  modules: readonly string[],
  namedBy?: NamedBy,
): Promise<readonly SagaDeclaration[]> {
  return (await exportsLike(modules, isSaga, namedBy)).map(({ declaration }) => declaration);
}

export function isSaga(value: unknown): value is { readonly declaration: SagaDeclaration } {
  if (typeof value !== 'object' || value === null || !('declaration' in value)) return false;
  const { stages, start } = value.declaration as Partial<SagaDeclaration>;
  return Array.isArray(stages) && typeof start === 'function';
}
