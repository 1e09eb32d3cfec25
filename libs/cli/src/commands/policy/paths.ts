import type { ConsumerDefinition } from '@convergekit/inbox';
import type { Operation } from '@convergekit/resilience';
import type { RecoveryPath } from '@convergekit/resilience/operate';
import { type WorkerCall, callsOf, type Workflow } from '@convergekit/saga';
import { command } from '../../frame/command.ts';
import { someArguments } from '../../frame/flags.ts';
import { exportsThat } from '@convergekit/operate/host';
import { listing } from '../../frame/result.ts';

/** Shows the recovery path of each operation and call; connects to nothing and calls nothing. */
export const pathsCommand = command({
  name: 'paths',
  summary: 'which operations, calls and saga steps recover by retries, are compensated, or need an operator',
  args: {
    modules: someArguments(
      'files or packages that export operations, calls, workflows, or consumers with saga steps',
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

/** The recovery of an operation or a call. `queries`: its unknown outcome is looked up at the other system. */
type Recovery = RecoveryPath | { readonly kind: 'queries' };

interface NamedPath {
  /** The name of its policy. */
  readonly name: string;
  /** The name of the call, where the policy has another one. */
  readonly call?: string;
  readonly idempotency: string;
  readonly path: Recovery;
}

type Declared =
  | Pick<Operation<never, unknown>, 'name' | 'path' | 'idempotency' | 'run'>
  | WorkerCall<never>
  | Pick<Workflow, 'name' | 'steps' | 'recovery'>
  | ConsumerDefinition<never>;

/** True for an export that may call another system. */
function hasPaths(value: unknown): value is Declared {
  if (typeof value !== 'object' || value === null) return false;
  const { name, idempotency, path, run, revive, steps, parts, subscriptions } = value as Record<
    string,
    unknown
  >;
  if (typeof name !== 'string') return false;
  if (Array.isArray(parts) && Array.isArray(subscriptions)) return true;
  if (steps instanceof Map) return true;
  if (typeof idempotency !== 'string') return false;
  return typeof revive === 'function' || (typeof path === 'object' && typeof run === 'function');
}

/** Lists the recovery paths of an export: one for each use of a call, under the name of its policy. */
function pathsOf(declared: Declared): readonly NamedPath[] {
  if ('parts' in declared)
    return callsOf(declared).flatMap((call) => (call.saga?.isTimer === true ? [] : [pathOfCall(call)]));
  if ('revive' in declared) return [pathOfCall(declared)];
  if ('run' in declared) {
    const { name, idempotency, path } = declared;
    return [{ name, idempotency, path }];
  }
  return [...declared.steps.values()].flatMap((step) =>
    step.kind === 'local'
      ? []
      : [
          {
            name: step.name,
            call: step.call,
            idempotency: step.idempotency,
            path:
              step.planned.kind === 'undo'
                ? { kind: 'compensates', by: `${step.name}.undo` }
                : recoveryOf(step),
          } as const,
        ],
  );
}

function pathOfCall(declared: WorkerCall<never>): NamedPath {
  const { name, call, idempotency } = declared;
  return {
    name,
    idempotency,
    path: recoveryOf(declared),
    ...(call === undefined || call === name ? {} : { call }),
  };
}

function recoveryOf({
  idempotency,
  canQuery,
}: Pick<WorkerCall<never>, 'idempotency' | 'canQuery'>): Recovery {
  if (canQuery) return { kind: 'queries' };
  return { kind: idempotency === 'none' ? 'needs_a_person' : 'retries' };
}
