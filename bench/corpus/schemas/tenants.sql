-- A service of many tenants: every key leads with the tenant, a few tenants have most of the rows.
-- section: tables
create table tenants (id int primary key, name text not null, tier text not null, since date not null);
insert into tenants select i, 'tenant ' || md5(i::text), case when i < 6 then 'enterprise' when i < 60 then 'business' else 'starter' end, date '2019-01-01' + i * 3 from generate_series(1, 500) i;
create table members (tenant_id int not null, id int not null, role text not null, email text not null, active boolean not null, primary key (tenant_id, id));
insert into members
select t, i, case when random() < 0.03 then 'owner' when random() < 0.2 then 'editor' else 'viewer' end, left(md5(i::text), 7) || '@t' || t || '.example', random() < 0.85
from (select i, 1 + floor(500 * power(random(), 5))::int t from generate_series(1, {rows 30000}) i) drawn;
create table projects (tenant_id int not null, id int not null, title text not null, archived boolean not null, budget numeric(12, 2), primary key (tenant_id, id));
insert into projects
select t, i, 'project ' || md5(i::text), random() < case when t < 6 then 0.6 else 0.1 end, case when random() < 0.5 then (exp(12 * random()))::numeric(12, 2) end
from (select i, 1 + floor(500 * power(random(), 4))::int t from generate_series(1, {rows 10000}) i) drawn;
create table tasks (tenant_id int not null, id int not null, project_id int not null, assignee_id int, state text not null, priority smallint not null, due date, title text not null, primary key (tenant_id, id));
insert into tasks
select p.tenant_id, i, p.id, case when random() < 0.8 then 1 + floor({rows 30000} * random())::int end, case when p.archived then 'closed' else (array['open', 'doing', 'review', 'closed'])[1 + floor(4 * sqrt(random()))::int] end,
       1 + floor(5 * power(random(), 2))::int, case when random() < 0.6 then date '2024-01-01' + floor(365 * random())::int end, 'task ' || md5(i::text) || ' ' || (array['fix', 'write', 'ship', 'test'])[1 + floor(4 * random())::int]
from (select i, 1 + floor({rows 10000} * power(random(), 2))::int p from generate_series(1, {rows 150000}) i) drawn join projects p on p.id = drawn.p;
create table comments (tenant_id int not null, id int not null, task_id int not null, author_id int not null, written timestamp not null, body text not null, primary key (tenant_id, id));
insert into comments
select t.tenant_id, i, t.id, 1 + floor({rows 30000} * power(random(), 2))::int, timestamp '2024-01-01' + i * interval '300 days' / {rows 200000}, repeat(md5(i::text), 1 + floor(6 * power(random(), 3))::int)
from (select i, 1 + floor({rows 150000} * power(random(), 3))::int task from generate_series(1, {rows 200000}) i) drawn join tasks t on t.id = drawn.task;
-- section: indexes
create index on tasks (tenant_id, project_id, state);
create index on tasks (tenant_id, assignee_id) where state <> 'closed';
create index on tasks (due);
create index on tasks (id);
create index on comments (tenant_id, task_id);
create index on comments (written);
create index on members (email);
create index on members (id);
create index on projects (id);
-- section: joins
-- join: members.tenant_id = tenants.id
-- join: projects.tenant_id = tenants.id
-- join: tasks.project_id = projects.id
-- join: tasks.assignee_id = members.id
-- join: comments.task_id = tasks.id
-- join: comments.author_id = members.id
-- section: templates
-- template: board
select state, count(*), min(due) from tasks where tenant_id = {tasks.tenant_id} and project_id = {tasks.project_id} group by 1;
-- template: my_tasks
select t.*, p.title from tasks t join projects p on p.tenant_id = t.tenant_id and p.id = t.project_id
where t.tenant_id = {tasks.tenant_id} and t.assignee_id = {tasks.assignee_id} and t.state <> 'closed' order by t.priority, t.due limit 50;
-- template: activity
select m.email, count(c.id) from members m join comments c on c.tenant_id = m.tenant_id and c.author_id = m.id where m.tenant_id = {members.tenant_id} and c.written >= {above comments.written 0.01 0.8} group by 1 order by 2 desc;
-- template: thread
select * from comments where tenant_id = {comments.tenant_id} and task_id = {comments.task_id} order by written;
-- template: usage
select t.tier, t.id, count(*) from tenants t join tasks k on k.tenant_id = t.id where t.tier = {tenants.tier} group by 1, 2 order by 3 desc;
-- template: overdue
select p.title, count(*) from tasks k join projects p on p.tenant_id = k.tenant_id and p.id = k.project_id
where k.tenant_id = {tasks.tenant_id} and k.due < {below tasks.due 0.05 0.9} and k.state <> 'closed' and not p.archived group by 1 order by 2 desc;
-- template: search_titles
select * from tasks where tenant_id = {tasks.tenant_id} and title like {part tasks.title} order by id desc limit 20;
-- template: all_in_one
select t.name, count(distinct p.id), count(distinct k.id), count(c.id) from tenants t join projects p on p.tenant_id = t.id join tasks k on k.tenant_id = p.tenant_id and k.project_id = p.id join comments c on c.tenant_id = k.tenant_id and c.task_id = k.id
where t.id in ({list tenants.id 5}) group by 1;
-- template: close_tasks
update tasks set state = 'closed' where tenant_id = {tasks.tenant_id} and project_id = {tasks.project_id} and state = 'review';
-- template: tenant_above_average
select tenant_id, count(*) from tasks group by 1 having count(*) > (select {number 1 5} * count(*) / 500 from tasks) order by 2 desc;
