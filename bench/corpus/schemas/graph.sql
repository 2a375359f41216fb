-- A social graph: degrees by a power law, friends of friends, recursive walks, tags.
-- section: tables
create table people (id int primary key, town text not null, born int not null, joined date not null, bio text);
insert into people
select i, 'town ' || floor(300 * power(random(), 3))::int, 1940 + floor(70 * sqrt(random()))::int, date '2012-01-01' + (i * 4000.0 / {rows 40000})::int, case when random() < 0.4 then repeat(md5(i::text) || ' ', 1 + floor(5 * random())::int) end
from generate_series(1, {rows 40000}) i;
create table follows (from_id int not null, to_id int not null, since date not null, primary key (from_id, to_id));
insert into follows
select 1 + floor({rows 40000} * power(random(), 1.5))::int, 1 + floor({rows 40000} * power(random(), 3))::int, date '2014-01-01' + floor(3500 * sqrt(random()))::int
from generate_series(1, {rows 350000}) i on conflict do nothing;
create table topics (id int primary key, parent_id int, name text not null);
insert into topics select i, nullif(i / 5, 0), 'topic ' || left(md5(i::text), 8) from generate_series(1, 1500) i;
create table interests (person_id int not null, topic_id int not null, weight real not null, primary key (person_id, topic_id));
insert into interests select 1 + floor({rows 40000} * random())::int, 1 + floor(1500 * power(random(), 3))::int, random() from generate_series(1, {rows 120000}) i on conflict do nothing;
create table posts (id int primary key, author_id int not null, topic_id int not null, at timestamp not null, likes int not null, reply_to int);
insert into posts
select i, 1 + floor({rows 40000} * power(random(), 3))::int, 1 + floor(1500 * power(random(), 4))::int, timestamp '2023-01-01' + i * interval '500 days' / {rows 150000}, (exp(7 * power(random(), 3)) - 1)::int,
       case when i > 100 and random() < 0.4 then i - 1 - floor(least(i - 2, 5000) * power(random(), 3))::int end
from generate_series(1, {rows 150000}) i;
-- section: indexes
create index on follows (to_id);
create index on interests (topic_id, weight);
create index on posts (author_id, at);
create index on posts (topic_id);
create index on posts (reply_to);
create index on posts (at);
create index on people (town);
create index on topics (parent_id);
-- section: joins
-- join: follows.from_id = people.id
-- join: interests.person_id = people.id
-- join: interests.topic_id = topics.id
-- join: posts.author_id = people.id
-- join: posts.topic_id = topics.id
-- section: templates
-- template: friends_of_friends
select b.to_id, count(*) from follows a join follows b on b.from_id = a.to_id where a.from_id = {follows.from_id} and b.to_id <> a.from_id group by 1 order by 2 desc limit 20;
-- template: mutual
select count(*) from follows a join follows b on b.from_id = a.to_id and b.to_id = a.from_id where a.since >= {above follows.since 0.01 0.6};
-- template: reachable
with recursive walk (id, depth) as (select {follows.from_id}, 0 union select f.to_id, w.depth + 1 from walk w join follows f on f.from_id = w.id where w.depth < {number 1 3}) select depth, count(*) from walk group by 1;
-- template: feed
select p.* from follows f join posts p on p.author_id = f.to_id where f.from_id = {follows.from_id} order by p.at desc limit {pick 10|30|100};
-- template: thread
with recursive thread as (select id, reply_to, 0 as depth from posts where id = {posts.reply_to} union all select p.id, p.reply_to, t.depth + 1 from thread t join posts p on p.reply_to = t.id) select count(*), max(depth) from thread;
-- template: triangles
select count(*) from follows a join follows b on b.from_id = a.to_id join follows c on c.from_id = b.to_id and c.to_id = a.from_id where a.from_id between {range follows.from_id 0.0005 0.01};
-- template: topic_subtree
with recursive below as (select id from topics where id = {number 1 200} union all select t.id from topics t join below b on t.parent_id = b.id)
select count(*), sum(p.likes) from posts p join below b on b.id = p.topic_id;
-- template: alike
select o.person_id, sum(m.weight * o.weight) from interests m join interests o on o.topic_id = m.topic_id and o.person_id <> m.person_id where m.person_id = {interests.person_id} group by 1 order by 2 desc limit 10;
-- template: influential
select e.town, e.id, count(*) from people e join follows f on f.to_id = e.id where e.town = {people.town} group by 1, 2 having count(*) > {log 2 60} order by 3 desc;
-- template: popular_among_followed
select p.topic_id, sum(p.likes) from posts p where p.author_id in (select to_id from follows where from_id in ({list follows.from_id 3})) and p.at > {above posts.at 0.02 0.8} group by 1 order by 2 desc limit 10;
-- template: lonely
select i.id from people i where i.joined between {range people.joined 0.01 0.4} and not exists (select from follows f where f.to_id = i.id) and not exists (select from posts p where p.author_id = i.id);
