/** What an operator can see and do, by noun. Commands and pages are made from it. Internal to the repository. */
export { allMigrations } from './all-migrations.ts';
export { isItem, readAttention } from './attention/areas.ts';
export type { AttentionItem } from './attention/item.ts';
export { oneCause } from './attention/one-cause.ts';
export { readGone } from './attention/read-gone.ts';
export { attentionLines, attentionOf } from './attention/reconciler-text.ts';
export { sagaName } from './attention/saga-items.ts';
export { describeAct } from './audit/act-text.ts';
export { type AuditRow, readActsOn, readLastActs, readOperatorAudit } from './audit/audit-sql.ts';
export type { Condition, Noun } from './conditions/condition.ts';
export { conditionOf, conditions, conditionSections } from './conditions/registry.ts';
export { type DoctorExamination, examineDatabase, type NamedDatabase } from './doctor/examine-database.ts';
export { checkArea } from './doctor/examine-service.ts';
export type { Finding, Verdict } from './doctor/finding.ts';
export { readAbsent } from './doctor/read-absent.ts';
export { checkTopic, topicsOfOutbox } from './doctor/topic-checks.ts';
export { classify } from './find/classify.ts';
export { findEvents, SEARCHED_ROWS } from './find/find-events.ts';
export type { StoredAct, StoredRepair } from './history/act-sql.ts';
export type { StoredEvent } from './history/attempt-sql.ts';
export type { Chapter, Passed } from './history/chapter.ts';
export type { Named } from './history/deliveries.ts';
export type { History } from './history/history.ts';
export { readHistory } from './history/read-history.ts';
export { historyText, renderHistory } from './history/render-history.ts';
export { operatorText, repairText } from './history/story-text.ts';
export type { Narrative, NarrativeEntry } from './narrative/narrative.ts';
export { readNarrative } from './narrative/read-narrative.ts';
export { entryText, renderNarrative } from './narrative/render-narrative.ts';
export {
  countEvents,
  type EventFilter,
  listEvents,
  readWhole,
  type WholeEvent,
} from './outbox/events-sql.ts';
export { DUTIES, type Duty, roleSql } from './roles/role-files.ts';
export { scanService } from './scans/scan-service.ts';
