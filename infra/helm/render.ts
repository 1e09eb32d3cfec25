import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';

const call = promisify(execFile);

/** An object of Kubernetes, as far as the tests look into any of them. */
const manifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  spec: z.looseObject({}).optional(),
});

export type Manifest = z.infer<typeof manifest>;

export interface Rendered {
  readonly text: string;
  readonly objects: readonly Manifest[];
}

/** Renders a chart with files of values and `--set` texts; rejects with what helm says. */
export async function render(
  helm: string,
  chart: string,
  values: readonly string[] = [],
  sets: readonly string[] = [],
): Promise<Rendered> {
  const args = [
    ...['template', 'shop', chart, '--namespace', 'shop', '--kube-version', '1.33.0'],
    ...values.flatMap((file) => ['--values', file]),
    ...sets.flatMap((set) => ['--set-json', set]),
  ];
  const { stdout } = await inNoHome((env) => call(helm, args, { env, maxBuffer: 64 * 1024 * 1024 }));
  const documents = parseAllDocuments(stdout).map((one) => {
    const [error] = one.errors;
    if (error !== undefined) throw error;
    return one.toJS() as unknown;
  });
  const objects = documents.filter((one) => one !== null).map((one) => manifest.parse(one));
  return { text: stdout, objects };
}

/** Copies a chart with this one in its `charts`, as `helm dependency build` would, and hands the folder over. */
export async function withDependency<T>(
  example: string,
  chart: string,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'converge-chart-'));
  try {
    cpSync(example, folder, { recursive: true });
    cpSync(chart, join(folder, 'charts/converge'), { recursive: true, dereference: true });
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs helm without the repositories and plugins of the person who runs the test. */
export async function inNoHome<T>(run: (env: NodeJS.ProcessEnv) => Promise<T>): Promise<T> {
  const home = mkdtempSync(join(tmpdir(), 'converge-helm-'));
  const { PATH } = process.env;
  try {
    return await run({ PATH, HOME: home });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
