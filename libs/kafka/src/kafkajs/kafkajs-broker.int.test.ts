import { contractOnKafka } from '../fixture/contract-on-kafka.ts';
import { kafkajsBroker } from './kafkajs-broker.ts';

contractOnKafka('kafkajs', kafkajsBroker);
