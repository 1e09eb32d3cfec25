import { contractOnKafka } from '../fixture/contract-on-kafka.ts';
import { platformaticBroker } from './platformatic-broker.ts';

contractOnKafka('platformatic', platformaticBroker);
