import { fileURLToPath } from 'node:url';
import { run } from '../programs.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A container, as `docker inspect` describes it. */
export interface Container {
  readonly Id: string;
  readonly State: {
    readonly Status: string;
    readonly Pid: number;
    readonly ExitCode: number;
  };
  readonly Config: { readonly User: string; readonly Labels: Readonly<Record<string, string>> };
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean;
    readonly CapDrop: readonly string[] | null;
    readonly SecurityOpt: readonly string[] | null;
    readonly Privileged: boolean;
    readonly Memory: number;
  };
}

/** Runs `docker` and resolves with its output. Rejects with what it printed. */
export async function docker(args: readonly string[], env = process.env): Promise<string> {
  try {
    const { stdout } = await run('docker', args, { cwd: root, env, maxBuffer: 64 * 1024 * 1024 });
    return stdout.trim();
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`docker ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
}

export type Compose = ReturnType<typeof composeProject>;

/** Names a project of docker-compose.yml, apart from any other on this machine, and its settings. Nothing is started. */
export function composeProject(project: string, settings: Readonly<Record<string, string>>) {
  const env = { ...process.env, ...settings };
  const compose = (...args: readonly string[]): Promise<string> =>
    docker(['compose', '--project-name', project, ...args], env);
  return {
    project,
    run: compose,
    /** Describes the containers of a service, or of all, ended ones included. */
    containers: async (service?: string): Promise<readonly Container[]> => {
      const ids = await compose('ps', '--all', '--quiet', ...(service === undefined ? [] : [service]));
      if (ids === '') return [];
      return JSON.parse(await docker(['inspect', ...ids.split('\n')])) as readonly Container[];
    },
  };
}

export function serviceOf({ Config: { Labels } }: Container): string {
  return Labels['com.docker.compose.service'] ?? '';
}

/** Kills the processes of containers with SIGKILL, as a crash would: `docker kill` counts as a stop by an operator. */
export async function crash(image: string, containers: readonly Container[]): Promise<void> {
  const pids = containers.map(({ State }) => String(State.Pid));
  const inside = ['run', '--rm', '--pid=host', '--user=0', '--entrypoint=bash', image];
  await docker([...inside, '-c', `kill -9 ${pids.join(' ')}`]);
}

/** Returns why Docker Compose cannot be used here; undefined when it can. */
export async function composeMissing(): Promise<string | undefined> {
  return docker(['compose', 'version']).then(
    () => undefined,
    () => '`docker compose` is not installed',
  );
}
