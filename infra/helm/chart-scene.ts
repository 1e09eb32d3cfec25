import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { root } from '../packages/stage.ts';
import { type Container, type Workload, workloadsOf } from './pods.ts';
import { type Manifest, render, withDependency } from './render.ts';
import { toolOf } from './tools.ts';

/** `make chart` installs it. */
export const helm = toolOf('helm') ?? 'helm';
export const chart = join(root, 'infra/helm/converge');
export const example = join(root, 'infra/helm/examples/orders');
export const valuesOf = (name: string): string => join(root, 'infra/helm/cases', `${name}.yaml`);
export const cases = globSync('infra/helm/cases/*.yaml', { cwd: root }).map((path) =>
  basename(path, '.yaml'),
);

/** The chart with every file of values in `cases`, and the example with the sidecar, rendered. */
export interface ChartScene {
  readonly workloads: readonly (Workload & { readonly from: string })[];
  /** The objects of a kind; `from` is a case, or `example`. */
  named(from: string, kind: string): readonly Manifest[];
  workload(from: string, name: string): Workload;
}

export async function renderAll(): Promise<ChartScene> {
  const rendered = new Map<string, readonly Manifest[]>();
  for (const name of cases) rendered.set(name, (await render(helm, chart, [valuesOf(name)])).objects);
  rendered.set('example', (await withDependency(example, chart, (copy) => render(helm, copy))).objects);
  const workloads = [...rendered].flatMap(([from, objects]) =>
    workloadsOf(objects).map((one) => ({ ...one, from })),
  );
  return {
    workloads,
    named: (from, kind) => (rendered.get(from) ?? []).filter((one) => one.kind === kind),
    workload: (from, name) => {
      const found = workloads.find((one) => one.from === from && one.name === name);
      if (found === undefined) throw new Error(`the case ${from} renders no ${name}`);
      return found;
    },
  };
}

/** The containers of the kit in a pod: the example has one of its own. */
export function containersOf({ template }: Workload): readonly Container[] {
  return [...template.spec.initContainers, ...template.spec.containers].filter(
    ({ name }) => name !== 'orders',
  );
}
