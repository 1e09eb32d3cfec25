import { contractOnKafka } from '../../fixture/contract-on-kafka.ts';

contractOnKafka('kafkajs');
