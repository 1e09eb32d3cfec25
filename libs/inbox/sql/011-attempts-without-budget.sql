-- Handlers have no retry budget.
alter table converge.inbox_attempt drop column wait_budget_left;
