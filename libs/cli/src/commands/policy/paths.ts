import type { Operation } from '@convergekit/resilience';
import { type RecoveryPath, recoveryPaths } from '@convergekit/resilience/operate';
import { command } from '../../frame/command.ts';
import { someArguments } from '../../frame/flags.ts';
import { exportsThat } from '../../frame/modules.ts';
import { listing } from '../../frame/result.ts';

type Declared = Pick<Operation<never, unknown>, 'name' | 'path' | 'idempotency'>;

/** Shows the recovery path of each operation; connects to nothing and calls nothing. */
export const pathsCommand = command({
  name: 'paths',
  summary: 'which operations recover by retries, which are compensated, which need an operator',
  args: { modules: someArguments('files or packages that export what operation() returns') },
  run: async (_context, { modules }) => {
    const hint = 'no operation: export what operation() returns';
    const operations = await exportsThat(modules, isOperation, hint);
    const idempotency = new Map(operations.map((one) => [one.name, one.idempotency]));
    const rows = [...recoveryPaths(operations)].map(([name, path]) => ({
      name,
      idempotency: idempotency.get(name),
      path,
    }));
    return listing(rows, 'no operations', {
      name: (row) => row.name,
      idempotency: (row) => row.idempotency,
      recovery: (row) => described(row.path),
    });
  },
});

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
