import { service } from 'convergekit';
import { shopPolicies } from '../objective.ts';
import { shipping } from './consumer.ts';

await service('shipping', { consumers: [shipping], relay: false, policies: shopPolicies }).run();
