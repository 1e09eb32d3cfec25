import { endsWithin, systemClock } from '@convergekit/core';
import { messageOf } from '@convergekit/core/engine';
import { type ContainerRuntimeClient, getContainerRuntimeClient, ImageName } from 'testcontainers';
import { INSTANCE_LABEL } from './server.ts';

/** The state of Docker: ready to start containers, or the reason why not. */
export type DockerState = { readonly ready: true } | { readonly ready: false; readonly why: string };

/**
 * Asks for an engine on this machine and fetches the images that it lacks. Bounded, because an unreachable
 * DOCKER_HOST would otherwise hang the start.
 */
export async function prepareDocker(
  images: readonly string[],
  log: (line: string) => void,
): Promise<DockerState> {
  const client = await engine(3_000);
  if (client === undefined) return { ready: false, why: 'no Docker engine answers' };
  const { host } = client.info.containerRuntime;
  // Ports are published on the loopback interface of the engine's machine only.
  if (!['localhost', '127.0.0.1'].includes(host))
    return {
      ready: false,
      why: `the Docker engine is on another machine (${host}; if it shares this one's network, set TESTCONTAINERS_HOST_OVERRIDE=127.0.0.1)`,
    };
  for (const image of images) {
    const reason = await fetchImage(client, image, log);
    if (reason !== undefined)
      return { ready: false, why: `Docker cannot fetch the image ${image}: ${reason}` };
  }
  return { ready: true };
}

/**
 * Removes the containers of an instance, with their volumes. Returns the number of removed containers; undefined when
 * no engine answers.
 */
export async function removeContainers(instance: string): Promise<number | undefined> {
  const client = await engine(3_000);
  if (client === undefined) return undefined;
  const { dockerode } = client.container;
  const filters = { label: [`${INSTANCE_LABEL}=${instance}`] };
  const found = await dockerode.listContainers({ all: true, filters });
  await Promise.all(found.map(({ Id }) => dockerode.getContainer(Id).remove({ force: true, v: true })));
  return found.length;
}

async function engine(timeoutMs: number): Promise<ContainerRuntimeClient | undefined> {
  const asked = getContainerRuntimeClient().catch(() => undefined);
  return (await endsWithin(asked, timeoutMs, systemClock)) ? asked : undefined;
}

async function fetchImage(
  client: ContainerRuntimeClient,
  image: string,
  log: (line: string) => void,
): Promise<string | undefined> {
  const name = ImageName.fromString(image);
  try {
    if (await client.image.exists(name)) return undefined;
    log(`stack: Docker fetches the image ${image} (once)`);
    await client.image.pull(name);
    return undefined;
  } catch (error) {
    return messageOf(error).split('\n')[0];
  }
}
