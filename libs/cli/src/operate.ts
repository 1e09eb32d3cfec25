/** Exports for operators, used by the CLI and the console. They may change in any version. */
export { readNarrative } from './commands/saga/narrative/read-narrative.ts';
export { entryText, renderNarrative } from './commands/saga/narrative/render-narrative.ts';
export { readHistory } from './history/read-history.ts';
export { historyText } from './history/render-history.ts';

export { type Duty, roleSql } from './commands/roles/role-files.ts';
export type { Narrative, NarrativeEntry } from './commands/saga/narrative/narrative.ts';
export { type Declarations, declarationsOf } from './declarations.ts';
export { openBroker } from './frame/connections.ts';
export { explain } from './frame/explain.ts';
export { runLong } from './frame/long-running.ts';
export { formatBytes, formatMs } from './frame/output.ts';
export { openPools } from './frame/named-pools.ts';
export { readSettings, type Settings } from './frame/settings.ts';
export { allMigrations } from './frame/all-migrations.ts';
export type { AttentionItem } from './attention/item.ts';
export { isItem, readAttention } from './attention/areas.ts';
export { readGone } from './attention/read-gone.ts';
export { describeAct } from './audit/act-text.ts';
export { type AuditRow, readOperatorAudit } from './audit/audit-sql.ts';
export type { History } from './history/history.ts';
