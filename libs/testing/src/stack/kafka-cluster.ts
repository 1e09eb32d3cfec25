import { EmbeddedServer } from './embedded-server.ts';
import { newClusterId } from './cluster-id.ts';
import type { Instance } from './instance.ts';
import { kafkaRecipe, type KafkaNode, type KafkaRecipeOptions } from './kafka-recipe.ts';
import { KAFKA_CLUSTER_SETTINGS } from './kafka-settings.ts';
import { freePorts } from './ports.ts';
import type { StackServer } from './server.ts';

/** Several brokers, each a controller, too. Each node is stopped, killed and started by itself. */
export interface KafkaCluster extends StackServer {
  readonly nodes: readonly EmbeddedServer[];
}

interface ClusterOptions extends Pick<KafkaRecipeOptions, 'jarsDirectory' | 'log'> {
  /** One instance for each node: the folder of its data. */
  readonly instances: readonly Instance[];
  readonly settings?: Readonly<Record<string, string>>;
}

/** Creates a cluster with replication 3 and two in-sync replicas at least. Not started yet. */
export async function kafkaCluster({
  instances,
  settings,
  ...options
}: ClusterOptions): Promise<KafkaCluster> {
  const clusterId = newClusterId();
  const controllers = await freePorts(instances.length);
  const voters = controllers.map((port, index) => `${index + 1}@127.0.0.1:${port}`).join();
  const nodes = instances.map((instance, index) => {
    const node: KafkaNode = { id: index + 1, clusterId, controllerPort: controllers[index] ?? 0, voters };
    const { folder } = instance;
    const recipe = kafkaRecipe({
      ...options,
      folder,
      node,
      settings: { ...KAFKA_CLUSTER_SETTINGS, ...settings },
    });
    return new EmbeddedServer({ recipe, folder, onDispose: () => instance.remove() });
  });
  /** A node answers when a majority of them runs, so all start together. */
  const all = async (act: (node: EmbeddedServer) => Promise<void>): Promise<void> => {
    const settled = await Promise.allSettled(nodes.map(act));
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  };
  return {
    nodes,
    get address() {
      return nodes.map(({ address }) => address).join();
    },
    get port() {
      return nodes[0]?.port ?? 0;
    },
    get running() {
      return nodes.every(({ running }) => running);
    },
    start: () =>
      all((node) => node.start()).catch(async (error: unknown) => {
        await all((node) => node.stop()).catch(() => undefined);
        throw error;
      }),
    stop: () => all((node) => node.stop()),
    kill: () => all((node) => node.kill()),
    restart: () => all((node) => node.restart()),
    dispose: () => all((node) => node.dispose()),
  };
}
