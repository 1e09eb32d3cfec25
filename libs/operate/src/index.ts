/** What an operator can see and do, by noun. Commands and pages are made from it. Internal to the repository. */
export { allMigrations } from './all-migrations.ts';
export { type Condition, type Noun } from './conditions/condition.ts';
export { conditionOf, conditions, conditionSections } from './conditions/registry.ts';
export { oneCause } from './attention/one-cause.ts';
export { readGone } from './attention/read-gone.ts';
export { attentionLines, attentionOf } from './attention/reconciler-text.ts';
export { describeAct } from './audit/act-text.ts';
export { readActsOn, readLastActs, readOperatorAudit } from './audit/audit-sql.ts';
export { type DoctorExamination, type NamedDatabase, examineDatabase } from './doctor/examine-database.ts';
export { checkArea } from './doctor/examine-service.ts';
export { readAbsent } from './doctor/read-absent.ts';
export { checkTopic, topicsOfOutbox } from './doctor/topic-checks.ts';
export type { StoredAct, StoredRepair } from './history/act-sql.ts';
export { type StoredEvent, readTried } from './history/attempt-sql.ts';
export type { Chapter, Passed } from './history/chapter.ts';
export { readHistory } from './history/read-history.ts';
export { renderHistory } from './history/render-history.ts';
export { operatorText, repairText } from './history/story-text.ts';
export type { Narrative } from './narrative/narrative.ts';
export { readNarrative } from './narrative/read-narrative.ts';
export { renderNarrative } from './narrative/render-narrative.ts';
export {
  type EventFilter,
  type WholeEvent,
  countEvents,
  listEvents,
  readWhole,
} from './outbox/events-sql.ts';
export { DUTIES, type Duty, roleSql } from './roles/role-files.ts';
export { scanService } from './scans/scan-service.ts';
export { type AttentionItem } from './attention/item.ts';
export { isItem, readAttention } from './attention/areas.ts';
export { type AuditRow } from './audit/audit-sql.ts';
export { type Finding, type Verdict } from './doctor/finding.ts';
export { type Named } from './history/deliveries.ts';
export { historyText } from './history/render-history.ts';
export { type History } from './history/history.ts';
export { entryText } from './narrative/render-narrative.ts';
export { type NarrativeEntry } from './narrative/narrative.ts';
export { sagaName } from './attention/saga-items.ts';
