import { defineService } from 'convergekit';
import { shopPolicies } from '../objective.ts';
import { shipping } from './consumer.ts';

await defineService('shipping', { consumers: [shipping], relay: false, policies: shopPolicies }).run();
