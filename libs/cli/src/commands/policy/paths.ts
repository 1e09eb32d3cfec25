import { command } from '../../frame/command.ts';
import { someArguments } from '../../frame/flags.ts';
import { exportsThat } from '../../frame/modules.ts';
import { listing } from '../../frame/result.ts';
import { hasPaths, pathsOf, type Recovery } from './recovery.ts';

/** Shows the recovery path of each operation and call; connects to nothing and calls nothing. */
export const pathsCommand = command({
  name: 'paths',
  summary: 'which operations, calls and saga steps recover by retries, are compensated, or need an operator',
  args: {
    modules: someArguments(
      'files or packages that export operations, effects, workflows, or consumers with saga steps',
    ),
  },
  run: async (_context, { modules }) => {
    const hint =
      'nothing that calls: export what operation(), defineCall(…).onOutcome(), defineWorkflow() or defineConsumer(…).include(step(…)) returns';
    const rows = (await exportsThat(modules, hasPaths, hint)).flatMap(pathsOf);
    const sorted = rows.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    return listing(sorted, 'no operations', {
      // The name of the policy.
      name: (row) => row.name,
      call: (row) => row.call ?? '',
      idempotency: (row) => row.idempotency,
      recovery: (row) => described(row.path),
    });
  },
});

function described(path: Recovery): string {
  switch (path.kind) {
    case 'retries':
      return 'retries by itself';
    case 'queries':
      return 'is queried when its outcome is unknown, and repeated where it took no effect';
    case 'compensates':
      return `is compensated by ${path.by}`;
    case 'needs_a_person':
      return 'needs an operator when it fails or its outcome is unknown';
  }
}
