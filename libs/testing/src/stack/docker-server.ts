import { systemClock } from '@convergekit/core';
import { type ContainerRuntimeClient, getContainerRuntimeClient } from 'testcontainers';
import { INSTANCE_LABEL, type StackServer, untilReady } from './server.ts';
import { assertPortFree, freePort } from './ports.ts';
import { DevStackError, type DevStackErrorCode } from './stack-error.ts';

/** The properties of one kind of container. */
export interface ContainerRecipe {
  readonly what: 'Postgres' | 'Kafka';
  readonly failure: DevStackErrorCode;
  readonly image: string;
  readonly command?: readonly string[];
  /** The port inside, published on 127.0.0.1 only. */
  readonly containerPort: number;
  environment(port: number): Readonly<Record<string, string>>;
  address(port: number): string;
  /** Returns true when the server answers at `port`. */
  ready(port: number): Promise<boolean>;
}

export interface DockerServerOptions {
  readonly recipe: ContainerRecipe;
  /** The instance's name, a label of the container: a later start finds the remains of a crash by it. */
  readonly instance: string;
  /** @default any free port */
  readonly port: number | undefined;
}

type Container = Awaited<ReturnType<ContainerRuntimeClient['container']['create']>>;

// The deadline for a server that hangs at its start; one that ended is noticed at once.
const START_DEADLINE_MS = 300_000;

/** A server in a container. */
export class DockerServer implements StackServer {
  readonly #options: DockerServerOptions;
  #port: number | undefined;
  #container: Container | undefined;
  #exit: Promise<void> = Promise.resolve();
  #running = false;

  constructor(options: DockerServerOptions) {
    this.#options = options;
  }

  get port(): number {
    if (this.#port === undefined)
      throw new Error(`${this.#options.recipe.what} has no port before its first start`);
    return this.#port;
  }

  get address(): string {
    return this.#options.recipe.address(this.port);
  }

  get running(): boolean {
    return this.#running;
  }

  /**
   * The container, to run a command in it. Known after the first `start`.
   *
   * @internal its type is of testcontainers, which a user may not have installed
   */
  get container(): Container {
    if (this.#container === undefined)
      throw new Error(`${this.#options.recipe.what} has no container before its first start`);
    return this.#container;
  }

  async start(): Promise<void> {
    if (this.#running) return;
    const { recipe, port: asked } = this.#options;
    if (this.#port === undefined) {
      if (asked !== undefined) await assertPortFree(asked, recipe.what);
      this.#port = asked ?? (await freePort());
    }
    try {
      this.#container ??= await this.#create(this.#port);
      await this.#container.start();
    } catch (error) {
      await this.dispose();
      throw this.#failure('could not be started', error);
    }
    this.#watch(this.#container);
    const port = this.#port;
    const reason = await untilReady({
      endedBy: () => (this.#running ? undefined : 'its container ended'),
      isReady: () => recipe.ready(port),
      everyMs: 100,
      end: systemClock.monotonic() + START_DEADLINE_MS,
    });
    if (reason === undefined) return;
    const log = await this.#logTail();
    await this.dispose();
    throw this.#failure(`${reason}. Its last lines:\n${log}`);
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    await this.container.stop({ t: 10 }).catch(ignoreEnded);
    await this.#exit;
  }

  async kill(): Promise<void> {
    if (!this.#running) return;
    await this.container.kill({ signal: 'SIGKILL' }).catch(ignoreEnded);
    await this.#exit;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async dispose(): Promise<void> {
    const container = this.#container;
    this.#container = undefined;
    await container?.remove({ force: true, v: true }).catch(ignoreEnded);
    await this.#exit;
  }

  async #create(port: number): Promise<Container> {
    const { recipe, instance } = this.#options;
    const client = await getContainerRuntimeClient();
    return client.container.create({
      Image: recipe.image,
      ...(recipe.command === undefined ? {} : { Cmd: [...recipe.command] }),
      Env: Object.entries(recipe.environment(port)).map(([name, value]) => `${name}=${value}`),
      Labels: { [INSTANCE_LABEL]: instance },
      ExposedPorts: { [`${recipe.containerPort}/tcp`]: {} },
      HostConfig: {
        PortBindings: { [`${recipe.containerPort}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: String(port) }] },
      },
    });
  }

  #watch(container: Container): void {
    this.#running = true;
    // Resolves when the container has ended, or is removed.
    const ended = (): void => {
      this.#running = false;
    };
    this.#exit = container.wait().then(ended, ended);
  }

  async #logTail(): Promise<string> {
    const bytes = await this.container.logs({ stdout: true, stderr: true, tail: 12 }).catch(() => undefined);
    if (bytes === undefined) return '';
    // A chunk of the stream begins with the stream's number, three zero bytes, and four bytes of length.
    const chunks: string[] = [];
    for (let at = 0; at + 8 <= bytes.length; at += 8 + bytes.readUInt32BE(at + 4))
      chunks.push(bytes.toString('utf8', at + 8, at + 8 + bytes.readUInt32BE(at + 4)));
    return chunks.join('').trimEnd();
  }

  #failure(reason: string, cause?: unknown): DevStackError {
    const { what, failure } = this.#options.recipe;
    const text = cause instanceof Error ? `: ${cause.message}` : '';
    const taken = /port is already allocated|address already in use/.test(text);
    return new DevStackError(taken ? 'PORT_TAKEN' : failure, `${what} in Docker ${reason}${text}`, cause);
  }
}

/** 304: already stopped; 404: already removed; 409: already being removed, or not running. */
function ignoreEnded(error: unknown): void {
  const status = (error as { statusCode?: number }).statusCode;
  if (status !== 304 && status !== 404 && status !== 409) throw error;
}
