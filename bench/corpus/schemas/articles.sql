-- A content system: full text, tags in arrays, jsonb properties, revisions, long texts that are stored out of line.
-- section: tables
create table authors (id int primary key, name text not null, desk text not null, active boolean not null);
insert into authors select i, 'author ' || md5(i::text), (array['news', 'sport', 'culture', 'science', 'local'])[1 + floor(5 * power(random(), 2))::int], random() < 0.8 from generate_series(1, {rows 800}) i;
create table words (id int primary key, word text not null);
insert into words select i, left(md5((i * 7)::text), 4 + i % 5) from generate_series(1, 3000) i;
create table articles (id int primary key, author_id int not null, desk text not null, published timestamp, title text not null, body text not null, tags text[] not null, properties jsonb not null, views int not null);
insert into articles
select d.i, d.a, u.desk, case when random() < 0.93 then timestamp '2018-01-01' + d.i * interval '2300 days' / {rows 25000} end,
       (select string_agg(w.word, ' ') from words w where w.id in (1 + hashint4(d.i) % 40 + 40, 1 + (hashint4(d.i + 1) % 1400) + 1400)) || ' ' || left(md5(d.i::text), 5),
       (select string_agg(w.word, ' ') from generate_series(1, 30 + (hashint4(d.i) & 127)) n join words w on w.id = 1 + floor(3000 * power((hashint4(d.i * 400 + n) & 1048575) / 1048576.0, 3))::int),
       array['t' || floor(200 * power(random(), 3))::int, u.desk, 't' || floor(200 * power(random(), 2))::int], jsonb_build_object('length', (hashint4(d.i) & 127), 'paid', random() < 0.3, 'source', (array['own', 'agency', 'guest'])[1 + floor(3 * power(random(), 2))::int]), (exp(10 * power(random(), 2)))::int
from (select i, 1 + floor({rows 800} * power(random(), 2))::int a from generate_series(1, {rows 25000}) i) d join authors u on u.id = d.a;
create table revisions (id int primary key, article_id int not null, editor_id int not null, at timestamp not null, added int not null, note text);
insert into revisions select i, 1 + floor({rows 25000} * power(random(), 1.5))::int, 1 + floor({rows 800} * power(random(), 3))::int, timestamp '2018-01-01' + random() * interval '2300 days', floor(5000 * power(random(), 4))::int, case when random() < 0.2 then 'note ' || md5(i::text) end from generate_series(1, {rows 120000}) i;
create table comments (id int primary key, article_id int not null, at timestamp not null, score int not null, body text not null, hidden boolean not null);
insert into comments select i, 1 + floor({rows 25000} * power(random(), 3))::int, timestamp '2018-01-01' + i * interval '2300 days' / {rows 150000}, floor(40 * power(random(), 3) - 5)::int, repeat(md5(i::text) || ' ', 1 + floor(8 * power(random(), 3))::int), random() < 0.04 from generate_series(1, {rows 150000}) i;
create table links (from_id int not null, to_id int not null, primary key (from_id, to_id));
insert into links select 1 + floor({rows 25000} * random())::int, 1 + floor({rows 25000} * power(random(), 2))::int from generate_series(1, {rows 60000}) i on conflict do nothing;
-- section: indexes
create index on articles using gin (to_tsvector('simple', body));
create index on articles using gin (tags);
create index on articles using gin (properties);
create index on articles (author_id, published);
create index on articles (published desc) where published is not null;
create index on articles (views);
create index on revisions (article_id, at);
create index on revisions (editor_id);
create index on comments (article_id, score);
create index on comments (at);
create index on links (to_id);
-- section: joins
-- join: articles.author_id = authors.id
-- join: revisions.article_id = articles.id
-- join: revisions.editor_id = authors.id
-- join: comments.article_id = articles.id
-- join: links.from_id = articles.id
-- section: templates
-- template: front_page
select id, title, author_id from articles where published < {below articles.published 0.1 0.99} order by published desc limit {pick 10|30|100};
-- template: full_text
select id, title from articles where to_tsvector('simple', body) @@ to_tsquery('simple', {word articles.body}) limit {pick 20|100000};
-- template: ranked_text
select id, ts_rank(to_tsvector('simple', body), q) from articles, to_tsquery('simple', {word articles.body} || ' & ' || {word articles.body}) q where to_tsvector('simple', body) @@ q order by 2 desc limit 10;
-- template: tagged
select id, title from articles where tags @> array['t{log 1 200}'] order by views desc limit 20;
-- template: tagged_either
select count(*) from articles where tags && array['t{log 1 200}', 't{log 1 200}'] and views > {log 10 5000};
-- template: counted_tags
select tag, count(*), sum(views) from articles, unnest(tags) tag where published between {range articles.published 0.01 0.6} group by 1 order by 2 desc limit 30;
-- template: by_property
select count(*), avg(views) from articles where properties @> jsonb_build_object('paid', {pick true|false}, 'source', {pick 'own'|'agency'|'guest'});
-- template: title_in_any_case
select id from articles where title ilike {part articles.title};
-- template: body_matches
select count(*) from articles where body ~ {word articles.body} and author_id = {articles.author_id};
-- template: discussed
select a.id, a.title, count(c.id), max(c.score) from articles a left join comments c on c.article_id = a.id and not c.hidden where a.published between {range articles.published 0.002 0.2} group by 1, 2 order by 3 desc limit 20;
-- template: last_revisions
select a.title, r.* from articles a cross join lateral (select * from revisions v where v.article_id = a.id order by at desc limit 3) r where a.author_id = {articles.author_id};
-- template: linked_both_ways
select count(*) from links l join links b on b.from_id = l.to_id and b.to_id = l.from_id where l.from_id < {below links.from_id 0.01 0.9};
-- template: long_texts
select author_id, sum(length(body)) from articles where properties ->> 'source' = {pick 'own'|'agency'|'guest'} group by 1 order by 2 desc;
