-- The keys that an operator approved by name; null = the approval is for any key of the reconciler.
alter table converge.reconciler add column approved_keys text[];
