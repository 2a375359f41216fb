-- Memory of a target's machine where it cannot be read: what parameter advice may hand out.

alter table targets
    add column total_memory_bytes bigint check (total_memory_bytes > 0);
comment on column targets.total_memory_bytes is 'Memory of the server''s machine as its user says, in bytes; null where it was not said.';
