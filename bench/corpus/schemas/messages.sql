-- Messaging: rooms of very different size, unread counters, texts, newest first.
-- section: tables
create table users (id int primary key, handle text not null, zone text not null, last_seen timestamp, settings jsonb not null);
insert into users
select i, 'user_' || left(md5(i::text), 9), 'zone' || floor(24 * power(random(), 2))::int, case when random() < 0.9 then timestamp '2024-06-01' - random() * random() * interval '400 days' end,
       jsonb_build_object('theme', (array['dark', 'light'])[1 + floor(2 * random())::int], 'beta', random() < 0.1)
from generate_series(1, {rows 25000}) i;
create table rooms (id int primary key, kind text not null, title text, created timestamp not null);
insert into rooms select i, k, case when k <> 'direct' then 'room ' || md5(i::text) end, timestamp '2022-01-01' + random() * interval '800 days'
from (select i, case when i < 30 then 'public' when random() < 0.2 then 'group' else 'direct' end k from generate_series(1, {rows 15000}) i) drawn;
create table memberships (room_id int not null, user_id int not null, joined timestamp not null, muted boolean not null, read_until int not null, primary key (room_id, user_id));
insert into memberships
select 1 + floor({rows 15000} * power(random(), 4))::int, 1 + floor({rows 25000} * power(random(), 1.5))::int, timestamp '2022-01-01' + random() * interval '800 days', random() < 0.1, floor({rows 300000} * sqrt(random()))::int
from generate_series(1, {rows 100000}) i on conflict do nothing;
create table messages (id int primary key, room_id int not null, sender_id int not null, sent timestamp not null, body text not null, edited boolean not null, reply_to int);
insert into messages
select i, 1 + floor({rows 15000} * power(random(), 4))::int, 1 + floor({rows 25000} * power(random(), 3))::int, timestamp '2023-01-01' + i * interval '500 days' / {rows 300000},
       (array['hello', 'thanks', 'see you', 'no idea', 'done', 'please look'])[1 + floor(6 * power(random(), 2))::int] || ' ' || repeat(left(md5(i::text), 8) || ' ', 1 + floor(20 * power(random(), 4))::int), random() < 0.05, case when random() < 0.15 then 1 + floor(i * random())::int end
from generate_series(1, {rows 300000}) i;
create table reactions (message_id int not null, user_id int not null, emoji text not null, primary key (message_id, user_id));
insert into reactions select 1 + floor({rows 300000} * power(random(), 2))::int, 1 + floor({rows 25000} * random())::int, (array['up', 'heart', 'laugh', 'sad', 'eyes'])[1 + floor(5 * power(random(), 3))::int] from generate_series(1, {rows 100000}) i on conflict do nothing;
-- section: indexes
create index on messages (room_id, sent desc);
create index on messages (sender_id);
create index on messages using gin (to_tsvector('simple', body));
create index on memberships (user_id);
create index on reactions (user_id);
create unique index on users (handle);
create index on users (last_seen);
create index on rooms (kind) where kind <> 'direct';
-- section: joins
-- join: memberships.room_id = rooms.id
-- join: memberships.user_id = users.id
-- join: messages.room_id = rooms.id
-- join: messages.sender_id = users.id
-- join: reactions.message_id = messages.id
-- join: reactions.user_id = users.id
-- section: templates
-- template: newest_of_room
select m.*, u.handle from messages m join users u on u.id = m.sender_id where m.room_id = {messages.room_id} order by m.sent desc limit {pick 20|50|200};
-- template: page_by_offset
select * from messages where room_id = {messages.room_id} order by sent desc limit 50 offset {log 10 5000};
-- template: page_by_key
select * from messages where room_id = {messages.room_id} and sent < {below messages.sent 0.05 0.95} order by sent desc limit 50;
-- template: unread
select s.room_id, count(m.id) from memberships s join messages m on m.room_id = s.room_id and m.id > s.read_until where s.user_id = {memberships.user_id} and not s.muted group by 1;
-- template: rooms_by_newest
select r.id, r.title, l.sent, l.body from memberships s join rooms r on r.id = s.room_id cross join lateral (select sent, body from messages m where m.room_id = r.id order by sent desc limit 1) l where s.user_id = {memberships.user_id} order by l.sent desc limit 30;
-- template: search
select id, room_id, sent from messages where to_tsvector('simple', body) @@ to_tsquery('simple', {word messages.body}) order by sent desc limit 50;
-- template: search_in_room
select id, body from messages where room_id = {messages.room_id} and body like {part messages.body};
-- template: most_loved
select m.id, m.body, count(*) from messages m join reactions a on a.message_id = m.id where a.emoji = {reactions.emoji} and m.sent between {range messages.sent 0.005 0.5} group by 1, 2 order by 3 desc limit 10;
-- template: talkative
select u.handle, count(*), count(m.reply_to) from users u join messages m on m.sender_id = u.id where u.zone = {users.zone} group by 1 order by 2 desc limit 25;
-- template: common_rooms
select a.room_id from memberships a join memberships b on b.room_id = a.room_id where a.user_id = {memberships.user_id} and b.user_id = {memberships.user_id#2};
-- template: dark_theme
select count(*) from users where settings ->> 'theme' = 'dark' and last_seen > {above users.last_seen 0.02 0.9};
-- template: mark_read
update memberships set read_until = {log 1 300000} where user_id = {memberships.user_id};
