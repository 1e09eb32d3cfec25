/** Exports for operators, used by the CLI and the console. They may change in any version. */
export { postgresMigrations, requireMigrations, migrationsMissing, missingMigrations } from './migrate.ts';
export { type PolicyChangeRow, setPolicyRule, readPolicyRules, readPolicyHistory } from './policy-table.ts';
export { isPooled } from './own-session.ts';
export {
  type ActName,
  type Operator,
  type OperatorAct,
  REASON_MAX,
  recordAct,
  recordActSql,
  type SubjectKind,
} from './record-act.ts';
export { readMigrations, migrationName } from './migration-files.ts';
