-- An event log: append-only, jsonb payloads, a few sessions with most of the events, kinds that depend on the device.
-- section: tables
create table accounts (id int primary key, plan text not null, created date not null, country text not null);
insert into accounts select i, (array['free', 'pro', 'team'])[1 + floor(3 * power(random(), 3))::int], date '2020-01-01' + (i % 1500), 'C' || floor(80 * power(random(), 4))::int from generate_series(1, {rows 8000}) i;
create table devices (id int primary key, account_id int not null, platform text not null, version text not null);
insert into devices
select i, 1 + floor({rows 8000} * power(random(), 2))::int, p, p || '-' || floor(12 * power(random(), 2))::int
from (select i, (array['android', 'ios', 'web', 'desktop'])[1 + floor(4 * power(random(), 2))::int] p from generate_series(1, {rows 20000}) i) drawn;
create table sessions (id int primary key, device_id int not null, started timestamp not null, seconds int not null, referrer text);
insert into sessions
select i, 1 + floor({rows 20000} * power(random(), 3))::int, timestamp '2024-01-01' + i * interval '90 days' / {rows 80000}, (exp(8 * random()))::int,
       case when random() < 0.6 then null else 'https://' || (array['search', 'social', 'news'])[1 + floor(3 * power(random(), 2))::int] || '.example/' || floor(100 * random())::int end
from generate_series(1, {rows 80000}) i;
create table events (id bigint primary key, session_id int not null, at timestamp not null, kind text not null, payload jsonb not null);
insert into events
select i, 1 + floor({rows 80000} * power(random(), 2))::int, timestamp '2024-01-01' + i * interval '90 days' / {rows 400000}, k,
       jsonb_build_object('page', '/p/' || floor(500 * power(random(), 3))::int, 'ms', (exp(9 * random()))::int, 'ok', random() < 0.97, 'tags', jsonb_build_array(k, left(md5(i::text), 2)))
from (select i, (array['view', 'click', 'scroll', 'error', 'purchase'])[1 + floor(5 * power(random(), 3))::int] k from generate_series(1, {rows 400000}) i) drawn;
-- section: indexes
create index on events (session_id);
create index on events using brin (at);
create index on events (kind, at);
create index on events using gin (payload jsonb_path_ops);
create index on events ((payload ->> 'page'));
create index on sessions (device_id, started);
create index on sessions (started);
create index on devices (account_id);
-- section: joins
-- join: devices.account_id = accounts.id
-- join: sessions.device_id = devices.id
-- join: events.session_id = sessions.id
-- section: templates
-- template: page_views
select count(*) from events where payload ->> 'page' = '/p/{log 1 500}';
-- template: contains
select id, at from events where payload @> jsonb_build_object('page', '/p/{log 1 500}', 'ok', {pick true|false});
-- template: tagged
select kind, count(*) from events where payload @> jsonb_build_object('tags', jsonb_build_array({events.kind}, '{number 10 99}')) group by 1;
-- template: slow_pages
select payload ->> 'page', percentile_disc(0.95) within group (order by (payload ->> 'ms')::int) from events where at between {range events.at 0.005 0.2} group by 1 order by 2 desc limit 20;
-- template: last_errors
select * from events where kind = {events.kind} order by at desc limit {pick 10|50|200};
-- template: funnel
select count(distinct v.session_id), count(distinct p.session_id) from events v left join events p on p.session_id = v.session_id and p.kind = 'purchase' and p.at > v.at
where v.kind = {events.kind} and v.at between {range events.at 0.002 0.05};
-- template: active_accounts
select date_trunc('day', s.started), a.plan, count(distinct a.id) from sessions s join devices d on d.id = s.device_id join accounts a on a.id = d.account_id
where s.started between {range sessions.started 0.02 0.5} group by 1, 2 order by 1;
-- template: gaps_in_session
select session_id, max(gap) from (select session_id, at - lag(at) over (partition by session_id order by at) as gap from events where session_id between {range events.session_id 0.001 0.1}) g group by 1 order by 2 desc nulls last limit 10;
-- template: versions_behind
select d.version, avg(s.seconds) from devices d join sessions s on s.device_id = d.id where d.platform = {devices.platform} and d.version like {prefix devices.version 5} group by 1;
-- template: rare_numbers
select count(*) from events where (payload ->> 'ms')::int > {log 100 8000} and at > {above events.at 0.02 0.5};
