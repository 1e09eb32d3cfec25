/** What an operator can see and do, by noun. Commands and pages are made from it. Internal to the repository. */
export { allMigrations } from './all-migrations.ts';
export { describeAct } from './audit/act-text.ts';
export { type AuditRow, readActsOn, readLastActs, readOperatorAudit } from './audit/audit-sql.ts';
export type { AttentionBounds } from './conditions/checks.ts';
export type { Condition, Noun } from './conditions/condition.ts';
export { groups } from './conditions/consumer.ts';
export { type AttentionItem, isItem, readAttention } from './conditions/examine.ts';
export { addressOf } from './conditions/found.ts';
export { oneCause } from './conditions/one-cause.ts';
export { readGroups } from './conditions/read-groups.ts';
export { attentionLines, attentionOf } from './conditions/reconciler-text.ts';
export { conditionOf, conditions, conditionSections } from './conditions/registry.ts';
export { sagaName } from './conditions/saga-items.ts';
export { type DoctorExamination, examineDatabase, type NamedDatabase } from './doctor/examine-database.ts';
export { type Finding, type Verdict } from './doctor/finding.ts';
export { findingsOf } from './doctor/findings-of-checks.ts';
export { checkTopic, topicsOfOutbox } from './doctor/topic-checks.ts';
export { type Fill, fillGap } from './gaps/fill.ts';
export type { StoredAct, StoredRepair } from './history/act-sql.ts';
export { readTried, type StoredEvent } from './history/attempt-sql.ts';
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
