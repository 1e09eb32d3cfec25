/** Exports for operators, used by the CLI and the console. They may change in any version. */
export {
  migrationsMissing,
  missingMigrations,
  newerMigrations,
  postgresMigrations,
  requireMigrations,
} from './migrate.ts';
export { type PolicyChangeRow, readPolicyHistory, readPolicyRules, setPolicyRule } from './policy-table.ts';
export { isPooled } from './own-session.ts';
export {
  type ActName,
  ACTS,
  type Operator,
  type OperatorAct,
  REASON_MAX,
  recordAct,
  recordActSql,
  type SubjectKind,
} from './record-act.ts';
export { migrationName, readMigrations } from './migration-files.ts';
