import { z } from 'zod';
import type { Manifest } from './render.ts';

const variable = z.object({ name: z.string(), value: z.string() });
const probe = z.object({
  httpGet: z.object({ path: z.string(), port: z.string() }),
  periodSeconds: z.number(),
  timeoutSeconds: z.number(),
  failureThreshold: z.number(),
});
const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  restartPolicy: z.string().optional(),
  env: z.array(variable).default([]),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })).default([]),
  startupProbe: probe.optional(),
  livenessProbe: probe.optional(),
  readinessProbe: z.unknown().optional(),
  resources: z.looseObject({}).optional(),
  securityContext: z.unknown().optional(),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string(), readOnly: z.boolean() })),
});
const podSpec = z.looseObject({
  containers: z.array(container),
  initContainers: z.array(container).default([]),
  securityContext: z.unknown().optional(),
  volumes: z.array(z.looseObject({ name: z.string() })),
});
const workload = z.looseObject({
  replicas: z.number().optional(),
  selector: z.looseObject({ matchLabels: z.record(z.string(), z.string()) }).optional(),
  template: z.looseObject({
    metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
    spec: podSpec,
  }),
});

export type Container = z.infer<typeof container>;
export type Workload = z.infer<typeof workload> & { readonly name: string; readonly kind: string };

/** The Deployments and Jobs of a rendered chart. */
export function workloadsOf(objects: readonly Manifest[]): readonly Workload[] {
  return objects
    .filter(({ kind }) => kind === 'Deployment' || kind === 'Job')
    .map(({ kind, metadata, spec }) => ({ ...workload.parse(spec), kind, name: metadata.name }));
}

/** The variables of a container, by name; throws for one that is set twice. */
export function variablesOf({ env }: Container): Readonly<Record<string, string>> {
  const names = env.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new Error(`${twice} is set twice`);
  return Object.fromEntries(env.map(({ name, value }) => [name, value]));
}
