import { service } from 'convergekit';
import { shipping } from './consumer.ts';

await service('shipping', { consumers: [shipping] }).run();
