import { type Operation, type RecoveryPath, recoveryPaths } from '@convergekit/resilience';
import type { CommandContext } from '../../frame/context.ts';
import { exportsOf, invalidModule } from '../../frame/module-exports.ts';
import { table } from '../../frame/output.ts';

type Declared = Pick<Operation<never, unknown>, 'name' | 'path' | 'idempotency'>;

/** Shows what becomes of each operation's failures; connects to nothing and calls nothing. */
export async function showPaths({ output }: CommandContext, modules: readonly string[]): Promise<boolean> {
  const operations: Declared[] = [];
  for (const module of modules) {
    const found = (await exportsOf(module)).filter(isOperation);
    if (found.length === 0)
      throw invalidModule(
        'MODULE_EMPTY',
        `module ${module} exports no operation: export what operation() returns`,
      );
    operations.push(...found);
  }
  const idempotency = new Map(operations.map((one) => [one.name, one.idempotency]));
  const rows = [...recoveryPaths(operations)].map(([name, path]) => ({
    name,
    idempotency: idempotency.get(name),
    path,
  }));
  output.result(rows, () => table(rows.map((row) => [row.name, row.idempotency ?? '', described(row.path)])));
  return true;
}

function described(path: RecoveryPath): string {
  switch (path.kind) {
    case 'retries':
      return 'retries by itself';
    case 'compensates':
      return `is compensated by ${path.by}`;
    case 'needs_a_person':
      return 'needs an operator when it fails or its outcome is unknown';
  }
}

function isOperation(value: unknown): value is Declared {
  if (typeof value !== 'object' || value === null) return false;
  const { name, idempotency, path, run } = value as Partial<Operation<never, unknown>>;
  return (
    typeof name === 'string' &&
    typeof idempotency === 'string' &&
    typeof path === 'object' &&
    typeof run === 'function'
  );
}
