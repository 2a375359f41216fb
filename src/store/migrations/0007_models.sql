-- The life cycle of prediction models: what they were trained on, how they were told apart, what watching them found.

alter table query_performance_models
    add column feature_version bigint not null default 0,
    add column trained_from timestamptz,
    add column trained_to timestamptz,
    add column details jsonb not null default '{}';
comment on column query_performance_models.feature_version is 'Names the definition of the features; a model made with another one is refused.';
comment on column query_performance_models.trained_from is 'Begin of the oldest sample.';
comment on column query_performance_models.trained_to is 'Begin of the newest sample.';
comment on column query_performance_models.details is 'What tuning chose, figures for templates never seen, the comparison with the model that was active.';
comment on column query_performance_models.format_version is 'Version of the encoding; a newer one than the program knows is refused.';

create unique index query_performance_models_version
    on query_performance_models (coalesce(target_id, 0), database_name, model_type, version);
-- A job that runs again after its worker died must not store its model twice.
create unique index query_performance_models_job on query_performance_models (job_id) where job_id is not null;
create index query_performance_models_activations
    on query_performance_models (database_name, activated_at desc) where activated_at is not null;

create table model_watches (
    model_id bigint primary key references query_performance_models on delete cascade,
    watched_to timestamptz not null,
    state jsonb not null,
    updated_at timestamptz not null default now()
);
comment on table model_watches is 'Where the comparison of active models with what happened stands, so that a restart loses nothing.';
comment on column model_watches.model_id is 'The model.';
comment on column model_watches.watched_to is 'Intervals that begin before were compared.';
comment on column model_watches.state is 'Rolling errors and the detectors'' state.';
comment on column model_watches.updated_at is 'When it was last looked at.';

create function notify_models()
returns trigger
language plpgsql
set search_path = pganalytics, pg_temp
as $$
begin
    if tg_op = 'UPDATE' then
        if new.is_active is not distinct from old.is_active then
            return null;
        end if;
    end if;
    perform pg_notify('pganalytics_models', coalesce(new.model_id, old.model_id)::text);
    return null;
end
$$;
comment on function notify_models is 'Tells channel pganalytics_models which model came, went, or was activated or replaced.';
create trigger query_performance_models_notify
after insert or delete or update of is_active on query_performance_models
for each row execute function notify_models();
