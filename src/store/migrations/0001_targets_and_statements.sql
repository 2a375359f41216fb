-- What is watched, what was seen running there, and who may use the service.

create table targets (
    target_id integer generated always as identity primary key,
    name text not null unique check (name <> ''),
    conninfo_shown text not null,
    system_identifier text,
    server_version integer,
    database_filter text[] not null default '{}',
    time_zone text not null default '',
    enabled boolean not null default true,
    apply_allowed boolean not null default false,
    state text not null default 'new',
    state_detail text not null default '',
    last_collected_at timestamptz,
    claimed_by text,
    claimed_until timestamptz,
    removed_at timestamptz,
    created_at timestamptz not null default now()
);
create index targets_claim on targets (claimed_until) where enabled and removed_at is null;
comment on table targets is 'PostgreSQL servers that are watched, each reached with one role.';
comment on column targets.target_id is 'Repository key of the target.';
comment on column targets.name is 'Name chosen by the user, or host:port.';
comment on column targets.conninfo_shown is 'Connection string with secrets blanked out, for people.';
comment on column targets.system_identifier is 'system_identifier of the server, once it was reached.';
comment on column targets.server_version is 'server_version_num at the last visit.';
comment on column targets.database_filter is 'Patterns of database names that are read; empty: all that can be connected to.';
comment on column targets.time_zone is 'Time zone of the server, used for words only; everything stored is UTC.';
comment on column targets.enabled is 'Whether it is collected.';
comment on column targets.apply_allowed is 'Whether recommendations may be applied on it.';
comment on column targets.state is 'new, ok, degraded or unreachable: how the last visit went.';
comment on column targets.state_detail is 'One sentence on the state.';
comment on column targets.last_collected_at is 'When counters were last read.';
comment on column targets.claimed_by is 'Collector that holds the target.';
comment on column targets.claimed_until is 'When its lease runs out.';
comment on column targets.removed_at is 'When the target was removed while its history was kept.';
comment on column targets.created_at is 'When it was added.';

create table target_secrets (
    target_id integer primary key references targets on delete cascade,
    sealed_conninfo text not null
);
comment on table target_secrets is 'Connection strings, sealed with a key that lies outside the database. Not readable through pganalytics_reader.';
comment on column target_secrets.target_id is 'The target.';
comment on column target_secrets.sealed_conninfo is 'AES-256-GCM: v1: and base64 of nonce, ciphertext and tag.';

create table statements (
    query_hash bigint primary key check (query_hash > 0),
    fingerprint_hash bigint,
    query_text text not null,
    has_literals boolean not null default false,
    first_seen timestamptz not null default now()
);
create index statements_fingerprint on statements (fingerprint_hash);
comment on table statements is 'Texts of statements, each once, whatever the number of servers and databases it runs on.';
comment on column statements.query_hash is 'Names the text: positive 63-bit hash of its tokens, the same on every server and version.';
comment on column statements.fingerprint_hash is 'Names the family (PostgreSQL''s parser fingerprint); null where the grammar refuses the text.';
comment on column statements.query_text is 'The text as first seen.';
comment on column statements.has_literals is 'Whether the text has its literals instead of $n.';
comment on column statements.first_seen is 'When the text was first seen anywhere.';

create table statement_keys (
    target_id integer not null references targets on delete cascade,
    statement_id integer generated always as identity,
    database_oid oid not null,
    user_oid oid not null,
    queryid bigint not null,
    toplevel boolean not null,
    query_hash bigint not null references statements,
    database_name text not null,
    user_name text not null,
    first_seen timestamptz not null default now(),
    primary key (target_id, statement_id),
    unique (target_id, database_oid, user_oid, queryid, toplevel)
);
create index statement_keys_query_hash on statement_keys (query_hash, target_id, database_name);
comment on table statement_keys is 'Rows of pg_stat_statements as the servers name them, and the statement each stands for.';
comment on column statement_keys.target_id is 'The server.';
comment on column statement_keys.statement_id is 'Short key that the history uses.';
comment on column statement_keys.database_oid is 'pg_stat_statements.dbid.';
comment on column statement_keys.user_oid is 'pg_stat_statements.userid.';
comment on column statement_keys.queryid is 'pg_stat_statements.queryid of that server.';
comment on column statement_keys.toplevel is 'pg_stat_statements.toplevel; true before extension version 1.9.';
comment on column statement_keys.query_hash is 'The text it stands for.';
comment on column statement_keys.database_name is 'Name of the database.';
comment on column statement_keys.user_name is 'Name of the user; empty where unknown.';
comment on column statement_keys.first_seen is 'When the key was first seen.';

create table statement_examples (
    target_id integer not null references targets on delete cascade,
    database_name text not null,
    query_hash bigint not null references statements,
    example_hash text not null,
    example_text text not null,
    seen_at timestamptz not null default now(),
    primary key (target_id, database_name, query_hash, example_hash)
);
comment on table statement_examples is 'Texts with literals of statements that are otherwise known with $n; the newest five of each.';
comment on column statement_examples.target_id is 'The server.';
comment on column statement_examples.database_name is 'The database.';
comment on column statement_examples.query_hash is 'The statement.';
comment on column statement_examples.example_hash is 'SHA-256 of the example, which makes it unique.';
comment on column statement_examples.example_text is 'The text with literals.';
comment on column statement_examples.seen_at is 'When it was last seen.';

create table jobs (
    job_id bigint generated always as identity primary key,
    kind text not null check (kind <> ''),
    target_id integer references targets on delete cascade,
    payload jsonb not null default '{}',
    unique_key text,
    status text not null default 'pending' check (status in ('pending', 'running', 'completed', 'failed', 'cancelled')),
    priority integer not null default 0,
    progress double precision not null default 0 check (progress between 0 and 1),
    stage text not null default '',
    result jsonb,
    error text,
    attempt integer not null default 0,
    max_attempts integer not null default 3 check (max_attempts > 0),
    worker text,
    lease_until timestamptz,
    cancel_requested boolean not null default false,
    not_before timestamptz not null default now(),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create unique index jobs_unique_key on jobs (kind, unique_key) where status in ('pending', 'running');
create index jobs_claim on jobs (priority desc, job_id) where status in ('pending', 'running');
create index jobs_by_kind on jobs (kind, job_id desc);
create index jobs_by_status on jobs (status, job_id desc);
comment on table jobs is 'Queue of long work. A worker claims a row under a lease; when the lease runs out the job runs again.';
comment on column jobs.job_id is 'The job.';
comment on column jobs.kind is 'What is to be done: the name of the SQL function or command that asks for it.';
comment on column jobs.target_id is 'The target it works on, if it is about one.';
comment on column jobs.payload is 'Arguments.';
comment on column jobs.unique_key is 'While a pending or running job of this kind has the same key, no second one is queued.';
comment on column jobs.status is 'pending, running, completed, failed or cancelled.';
comment on column jobs.priority is 'Higher runs first.';
comment on column jobs.progress is '0 to 1.';
comment on column jobs.stage is 'What it does now, in words.';
comment on column jobs.result is 'What came out, once completed.';
comment on column jobs.error is 'Why it failed.';
comment on column jobs.attempt is '1 at the first claim.';
comment on column jobs.max_attempts is 'After so many lost leases or retries it is failed.';
comment on column jobs.worker is 'Who holds it.';
comment on column jobs.lease_until is 'When the holder''s lease runs out.';
comment on column jobs.cancel_requested is 'Whether its worker was asked to stop.';
comment on column jobs.not_before is 'Not claimed before this time.';
comment on column jobs.created_at is 'When it was queued.';
comment on column jobs.updated_at is 'When it last changed.';

create table api_tokens (
    token_id bigint generated always as identity primary key,
    name text not null check (name <> ''),
    role text not null check (role in ('viewer', 'operator', 'admin')),
    secret_sha256 text not null unique,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz
);
create unique index api_tokens_live_name on api_tokens (name) where revoked_at is null;
comment on table api_tokens is 'Bearer tokens of the HTTP interface. Not readable through pganalytics_reader.';
comment on column api_tokens.token_id is 'The token.';
comment on column api_tokens.name is 'Who or what uses it.';
comment on column api_tokens.role is 'viewer, operator or admin.';
comment on column api_tokens.secret_sha256 is 'SHA-256 of the token, which itself is not kept.';
comment on column api_tokens.created_at is 'When it was made.';
comment on column api_tokens.expires_at is 'When it ends; null: not by itself.';
comment on column api_tokens.last_used_at is 'When it was last used, to the minute.';
comment on column api_tokens.revoked_at is 'When it was revoked.';

create table audit_log (
    audit_id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    actor text not null,
    action text not null,
    object text not null,
    details jsonb not null default '{}'
);
comment on table audit_log is 'Who changed what. Rows are only ever added.';
comment on column audit_log.audit_id is 'Order of entry.';
comment on column audit_log.at is 'When.';
comment on column audit_log.actor is 'Token name, "command line" or "schedule".';
comment on column audit_log.action is 'What was done: recommendation.dismiss, token.create, …';
comment on column audit_log.object is 'To what.';
comment on column audit_log.details is 'Further particulars, never a secret.';
