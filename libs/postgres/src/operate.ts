/** For operators: what the CLI and the console use. It may change in any version. */
export { postgresMigrations } from './migrate.ts';
export { type PolicyChangeRow, readPolicyHistory, readPolicyRules, setPolicyRule } from './policy-table.ts';
export { isPooled } from './pooler.ts';
