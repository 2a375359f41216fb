-- Films and who made them, in the manner of the Join Order Benchmark: many link tables, columns that say the same twice,
-- values that go together (a country and its companies, a genre and its years), so that estimates of joins go wrong.
-- section: tables
create table kinds (id int primary key, kind text not null);
insert into kinds select i, (array['movie', 'series', 'episode', 'short', 'game'])[i] from generate_series(1, 5) i;
create table films (id int primary key, kind_id int not null, year int not null, title text not null, country text not null, language text not null);
insert into films
select i, k, 2024 - floor(case when k = 5 then 30 else 100 end * power(random(), 2))::int, 'The ' || left(md5(i::text), 4 + k) || ' of ' || left(md5((i * 3)::text), 3), c, case when random() < 0.95 then 'lang ' || c else 'lang US' end
from (select i, 1 + floor(5 * power(random(), 1.5))::int k, (array['US', 'UK', 'FR', 'DE', 'IN', 'JP', 'IT', 'SE'])[1 + floor(8 * power(random(), 3))::int] c from generate_series(1, {rows 60000}) i) drawn;
create table companies (id int primary key, name text not null, country text not null);
insert into companies select i, (array['Film', 'Picture', 'Studio', 'Media'])[1 + i % 4] || ' ' || left(md5(i::text), 6), (array['US', 'UK', 'FR', 'DE', 'IN', 'JP', 'IT', 'SE'])[1 + floor(8 * power(random(), 2))::int] from generate_series(1, {rows 6000}) i;
create table film_companies (film_id int not null, company_id int not null, role text not null, note text);
insert into film_companies
select f.id, 1 + floor({rows 6000} * power(random(), case f.country when 'US' then 5 else 2 end))::int, case when random() < 0.6 then 'production' else 'distribution' end, case when random() < 0.4 then '(' || f.year || ') (' || f.country || ')' end
from films f cross join generate_series(1, 3) n where n = 1 or hashint4(f.id * 3 + n) % 4 = 0 or f.year > 2005 and hashint4(f.id * 5 + n) % 2 = 0;
create table people (id int primary key, name text not null, gender text, born int);
insert into people select i, left(md5(i::text), 6) || ', ' || left(md5((i * 5)::text), 5), case when random() < 0.9 then (array['m', 'f'])[1 + floor(2 * sqrt(random()))::int] end, case when random() < 0.5 then 1920 + floor(85 * random())::int end from generate_series(1, {rows 50000}) i;
create table casts (id int primary key, film_id int not null, person_id int not null, role text not null, place int, note text);
insert into casts
select row_number() over (), f.id, 1 + floor({rows 50000} * power(random(), case when f.year > 2000 then 3 else 1.2 end))::int, (array['actor', 'actress', 'producer', 'writer', 'director', 'editor'])[1 + floor(6 * power(random(), 2))::int], case when random() < 0.6 then n end, case when random() < 0.15 then '(voice)' when random() < 0.1 then '(uncredited)' end
from films f cross join generate_series(1, 12) n where hashint4(f.id * 16 + n) % (1 + n / 2) = 0;
create table keywords (id int primary key, word text not null);
insert into keywords select i, 'kw-' || left(md5(i::text), 7) from generate_series(1, {rows 4000}) i;
create table film_keywords (film_id int not null, keyword_id int not null);
insert into film_keywords select f.id, 1 + floor({rows 4000} * power(random(), 4))::int from films f cross join generate_series(1, 8) n where hashint4(f.id * 9 + n) % (2 + f.kind_id) = 0;
create table facts (film_id int not null, kind text not null, value text not null);
insert into facts
select f.id, k, case k when 'genre' then (array['Drama', 'Comedy', 'Action', 'Horror', 'War', 'Western'])[1 + floor(6 * power(random(), case when f.year > 1990 then 3 else 1 end))::int] when 'rating' then (1 + 9 * sqrt(random()))::numeric(3, 1)::text when 'votes' then (exp(11 * power(random(), 2)))::int::text else f.country end
from films f cross join (values ('genre'), ('rating'), ('votes'), ('release')) kinds (k) where k <> 'votes' or f.year > 1980;
-- section: indexes
create index on film_companies (film_id);
create index on film_companies (company_id);
create index on casts (film_id);
create index on casts (person_id);
create index on film_keywords (film_id);
create index on film_keywords (keyword_id);
create index on facts (film_id);
create index on facts (kind, value);
create index on films (year);
create index on films (kind_id);
create index on keywords (word);
-- section: joins
-- join: films.kind_id = kinds.id
-- join: film_companies.film_id = films.id
-- join: film_companies.company_id = companies.id
-- join: casts.film_id = films.id
-- join: casts.person_id = people.id
-- join: film_keywords.film_id = films.id
-- join: film_keywords.keyword_id = keywords.id
-- join: facts.film_id = films.id
-- section: templates
-- template: company_and_rating
select min(f.title), min(r.value) from films f join film_companies c on c.film_id = f.id join companies o on o.id = c.company_id join facts r on r.film_id = f.id and r.kind = 'rating'
where o.country = {films.country} and f.country = {films.country} and r.value > '{number 3 8}' and f.year between {range films.year 0.02 0.5};
-- template: keyword_cast
select min(k.word), min(p.name), min(f.title) from keywords k join film_keywords l on l.keyword_id = k.id join films f on f.id = l.film_id join casts c on c.film_id = f.id join people p on p.id = c.person_id
where k.word in (select word from keywords where id in ({list film_keywords.keyword_id 3})) and p.name like {prefix people.name 1} and f.year > {above films.year 0.02 0.6};
-- template: voice_actresses
select min(p.name), count(*) from casts c join people p on p.id = c.person_id join films f on f.id = c.film_id join film_companies m on m.film_id = f.id join companies o on o.id = m.company_id
where c.note = '(voice)' and p.gender = 'f' and c.role = 'actress' and o.country = {companies.country} and f.year between {range films.year 0.02 0.5};
-- template: genre_and_country
select f.country, count(*) from films f join facts g on g.film_id = f.id and g.kind = 'genre' join facts r on r.film_id = f.id and r.kind = 'release' where g.value = {pick 'Drama'|'Comedy'|'Action'|'Horror'|'War'|'Western'} and r.value = {films.country} and f.language = {films.language} group by 1;
-- template: seven_tables
select min(f.title), count(*) from films f join kinds t on t.id = f.kind_id join film_companies m on m.film_id = f.id join companies o on o.id = m.company_id join facts g on g.film_id = f.id join film_keywords l on l.film_id = f.id join keywords k on k.id = l.keyword_id
where t.kind = {kinds.kind} and o.country = {films.country} and g.kind = 'genre' and g.value in ('Drama', 'Horror') and m.note like '%({films.year})%' and f.year >= {above films.year 0.02 0.5};
-- template: worked_together
select b.person_id, count(*) from casts a join casts b on b.film_id = a.film_id and b.person_id <> a.person_id where a.person_id = {casts.person_id} group by 1 order by 2 desc limit 20;
-- template: cast_of_film
select c.place, c.role, p.name from casts c join people p on p.id = c.person_id where c.film_id = {any films.id} order by c.place nulls last;
-- template: title_starts
select id, title, year from films where title like {prefix films.title 6} order by year desc;
-- template: most_filmed
select p.name, count(distinct c.film_id) from people p join casts c on c.person_id = p.id join films f on f.id = c.film_id where c.role = {casts.role} and f.country = {films.country} and f.year between {range films.year 0.02 0.6} group by p.id, p.name order by 2 desc limit 10;
-- template: busy_years
select year, count(*), sum(n) from films f join (select film_id, count(*) n from casts group by 1) c on c.film_id = f.id where f.kind_id = {films.kind_id} group by 1 order by 1;
