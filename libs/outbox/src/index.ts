export { outboxMigrations } from './migrations.ts';
