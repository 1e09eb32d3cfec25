/** Exports for other packages of the kit; applications do not need them. They may change in any version. */
export { databaseVariable, loose, namedIn, nearest } from './names.ts';
export { placesOf } from './schema.ts';
export { formatValue } from './secrets.ts';
export { healthSettings, runProcess } from './run-process.ts';
export { type SettingEntry, settingEntries } from './reference.ts';
