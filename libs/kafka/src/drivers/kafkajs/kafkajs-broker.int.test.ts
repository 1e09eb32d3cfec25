import { inject } from 'vitest';
import { contractOnKafka } from '../../fixture/contract-on-kafka.ts';

// The drivers share the code above a connection: what depends on that code alone is tested of one of them.
contractOnKafka('kafkajs', inject('full') ? undefined : ['producing', 'consuming', 'network']);
