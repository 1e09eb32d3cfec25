/** For operators: what the CLI and the console use. It may change in any version. */
export { DUTIES, type Duty, roleSql } from './commands/roles/role-files.ts';
