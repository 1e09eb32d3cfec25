/** Settings, connections and errors of the processes of the kit: the command line and the console. */
export { type OpenOptions, openAt, openBroker } from './connections.ts';
export { type Called, explain } from './explain.ts';
export { runLong } from './long-running.ts';
export { type NamedBy, exportsLike, exportsThat } from './modules.ts';
export { openPools } from './named-pools.ts';
export {
  type Concerned,
  concernedText,
  EVERYTHING,
  type Grant,
  grantsOf,
  holdersText,
  isPermitted,
  type Right,
  rightsFaults,
  type Role,
} from './rights.ts';
export { settingsSchema } from './settings-schema.ts';
export {
  type NamedSource,
  type Settings,
  addressesOf,
  hasDatabase,
  readSettings,
  requireBroker,
  requireDatabase,
  sourcesOf,
} from './settings.ts';
