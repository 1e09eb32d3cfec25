-- Handlers have no retry budget: the column was always null.
alter table converge.inbox_attempt drop column wait_budget_left;
