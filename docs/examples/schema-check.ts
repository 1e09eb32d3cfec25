import { checkSchemas, writeSchemas } from '@convergekit/testing';
import { orderPlaced } from './schema-evolution.ts';

const info = { title: 'The events of the shop', version: '1.0.0' };

/** Run it in CI. It returns what would break readers or old events, each with its reason and its fix. */
export const check = (folder: string) => checkSchemas([orderPlaced], folder, info);

/** Run it after a change, and commit what it wrote. It refuses an incompatible change. */
export const write = (folder: string) => writeSchemas([orderPlaced], folder, info);
