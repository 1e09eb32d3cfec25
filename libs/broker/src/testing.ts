export {
  memoryBroker,
  type MemoryBroker,
  type MemoryCluster,
  type MemoryControls,
  type MemoryOptions,
} from './memory/memory-broker.ts';
export type { SendFault } from './memory/memory-producer.ts';
