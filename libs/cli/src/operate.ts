/** Exports for operators, used by the CLI and the console. They may change in any version. */
export { DUTIES, type Duty, roleSql } from './commands/roles/role-files.ts';
