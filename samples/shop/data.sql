-- Rows as a pure function of the seed and the row's number, so that the same seed gives the same shop.
-- Each step is one table; `i` is the row's number from 1.

-- step: helpers
create function pg_temp.u(i bigint, salt bigint) returns double precision language sql immutable parallel safe
return (hashint8extended(i, {seed} * 1000 + salt) & 9007199254740991)::double precision / 9007199254740992.0;
create function pg_temp.k(i bigint, salt bigint, n integer) returns integer language sql immutable parallel safe
return 1 + floor(pg_temp.u(i, salt) * n)::integer;
create function pg_temp.hot(i bigint, salt bigint, n integer, skew double precision) returns integer
language sql immutable parallel safe
return 1 + floor(power(pg_temp.u(i, salt), skew) * n)::integer;
create function pg_temp.pick(i bigint, salt bigint, choices text[], n integer) returns text
language sql immutable parallel safe
return choices[1 + floor(pg_temp.u(i, salt) * n)::integer];

-- step: countries
insert into {countries}
select i, 'C' || lpad(i::text, 2, '0'), pg_temp.pick(i, 1, {texts:towns}, {count:towns}) || ' ' || i, 'CU' || (i % 12)
from generate_series(1, {rows:countries}) as i;

-- step: categories
insert into {categories}
select i, case when i <= 12 then null else 1 + i % 12 end, pg_temp.pick(i, 1, {texts:nouns}, {count:nouns}) || ' ' || i, pg_temp.k(i, 2, 100)
from generate_series(1, {rows:categories}) as i;

-- step: stores
insert into {stores}
select i, pg_temp.pick(i, 1, {texts:towns}, {count:towns}) || ' ' || i, pg_temp.k(i, 2, {rows:countries}), date '2015-01-01' + pg_temp.k(i, 3, 3000)
from generate_series(1, {rows:stores}) as i;

-- step: suppliers
insert into {suppliers}
select i, pg_temp.pick(i, 1, {texts:families}, {count:families}) || ' ' || i, pg_temp.k(i, 2, {rows:countries}), pg_temp.k(i, 3, 5)
from generate_series(1, {rows:suppliers}) as i;

-- A product line belongs to one brand, a brand to one country of make and one warehouse: the columns say the same thing
-- three times, which the planner's independence assumption does not know.
-- step: products
insert into {products}
select i,
       'SKU' || lpad(i::text, 7, '0'),
       pg_temp.pick(i, 1, {texts:adjectives}, {count:adjectives}) || ' ' || pg_temp.pick(i, 2, {texts:nouns}, {count:nouns}) || ' ' || i,
       pg_temp.k(i, 3, {rows:categories}),
       pg_temp.k(i, 4, {rows:suppliers}),
       line % 40 + 1,
       line,
       line % 40 % 25 + 1,
       line % 40 % 20 + 1,
       round((2 + 300 * power(pg_temp.u(i, 6), 3))::numeric, 2),
       jsonb_build_object(
           'colour', pg_temp.pick(i, 7, {texts:colours}, {count:colours}),
           'material', pg_temp.pick(i, 8, {texts:materials}, {count:materials}),
           'size', pg_temp.k(i, 9, 40),
           'batch', pg_temp.k(i, 14, 500)),
       array[pg_temp.pick(i, 10, {texts:labels}, {count:labels}), pg_temp.pick(i, 11, {texts:labels}, {count:labels}), 'lot' || pg_temp.k(i, 15, 700)],
       pg_temp.k(i, 12, 500),
       {now} - make_interval(hours => pg_temp.k(i, 13, 20000))
from (select i, pg_temp.k(i, 5, 120) as line from generate_series(1, {rows:products}) as i) as numbered;

-- step: customers
insert into {customers}
select i,
       '{word:handles}' || i || '@{word:domains}',
       initcap('{word:handles}') || i,
       pg_temp.pick(i, 1, {texts:people}, {count:people}) || ' ' || pg_temp.pick(i, 2, {texts:families}, {count:families}),
       pg_temp.k(i, 3, 30),
       pg_temp.hot(i, 4, {rows:countries}, 2.0),
       date '1950-01-01' + pg_temp.k(i, 5, 20000),
       pg_temp.k(i, 6, 5000),
       {now} - make_interval(mins => pg_temp.k(i, 7, 2000000))
from generate_series(1, {rows:customers}) as i;

-- step: addresses
insert into {addresses}
select i,
       pg_temp.k(i, 1, {rows:customers}),
       pg_temp.pick(i, 2, {texts:families}, {count:families}) || ' Road ' || pg_temp.k(i, 3, 300),
       pg_temp.pick(i, 4, {texts:towns}, {count:towns}),
       lpad(pg_temp.k(i, 5, 99999)::text, 5, '0'),
       pg_temp.k(i, 6, {rows:countries})
from generate_series(1, {rows:addresses}) as i;

-- The numbers were given by several systems before they were merged, so their order says nothing about the date.
-- step: orders
insert into {orders}
select i,
       pg_temp.hot(i, 1, {rows:customers}, {dial:hot_customers}),
       pg_temp.hot(i, 2, {rows:stores}, {dial:hot_stores}),
       pg_temp.pick(i, 3, {texts:statuses}, {count:statuses}),
       pg_temp.pick(i, 4, {texts:channels}, {count:channels}),
       placed_at,
       case when pg_temp.u(i, 6) >= {dial:unshipped} then placed_at + make_interval(hours => pg_temp.k(i, 7, 72)) end,
       round((5 + 400 * power(pg_temp.u(i, 8), 2))::numeric, 2),
       round((20 * power(pg_temp.u(i, 9), 4))::numeric, 2),
       case when pg_temp.u(i, 10) < 0.1 then pg_temp.pick(i, 11, {texts:adjectives}, {count:adjectives}) || ' please' end
from (select i, {now} - make_interval(secs => 730 * 86400 * pg_temp.u(i, 5)) as placed_at from generate_series(1, {rows:orders}) as i) as dated;

-- step: order_lines
insert into {order_lines}
select i,
       pg_temp.k(i, 1, {rows:orders}),
       pg_temp.hot(i, 2, {rows:products} / 4, {dial:hot_products}),
       pg_temp.k(i, 3, 6),
       round((2 + 300 * power(pg_temp.u(i, 4), 3))::numeric, 2)
from generate_series(1, {rows:order_lines}) as i;

-- step: payments
insert into {payments}
select i,
       pg_temp.k(i, 1, {rows:orders}),
       pg_temp.pick(i, 2, {texts:methods}, {count:methods}),
       '{word:references}-' || i,
       round((5 + 400 * power(pg_temp.u(i, 3), 2))::numeric, 2),
       {now} - make_interval(secs => 730 * 86400 * (1 - i::double precision / {rows:payments}))
from generate_series(1, {rows:payments}) as i;

-- step: shipments
insert into {shipments}
select i,
       pg_temp.k(i, 1, {rows:orders}),
       pg_temp.k(i, 2, 40),
       pg_temp.k(i, 3, 60),
       round((0.1 + 20 * pg_temp.u(i, 4))::numeric, 2),
       'T' || lpad(pg_temp.k(i, 5, 999999999)::text, 9, '0'),
       {now} - make_interval(secs => 700 * 86400 * pg_temp.u(i, 6))
from generate_series(1, {rows:shipments}) as i;

-- step: reviews
insert into {reviews}
select i,
       pg_temp.k(i, 1, {rows:products}),
       pg_temp.k(i, 2, {rows:customers}),
       pg_temp.k(i, 3, 5),
       pg_temp.pick(i, 4, {texts:opinions}, {count:opinions}) || ' ' || pg_temp.pick(i, 5, {texts:nouns}, {count:nouns}),
       left(repeat(pg_temp.pick(i, 6, {texts:opinions}, {count:opinions}) || ' ' || md5((i * 31 + {seed})::text) || ' ' || pg_temp.pick(i, 7, {texts:adjectives}, {count:adjectives}) || ' ', 14),
            ({dial:review_length} * (0.7 + 0.6 * pg_temp.u(i, 8)))::integer),
       {now} - make_interval(secs => 700 * 86400 * pg_temp.u(i, 9))
from generate_series(1, {rows:reviews}) as i;

-- Trackers deliver late and in bulk: the order of arrival is not the order of events.
-- step: events
insert into {events}
select i,
       pg_temp.k(i, 1, 50000),
       pg_temp.k(i, 2, 300),
       pg_temp.pick(i, 3, {texts:kinds}, {count:kinds}),
       '/' || pg_temp.pick(i, 4, {texts:nouns}, {count:nouns}) || '/' || pg_temp.k(i, 5, 2000),
       {now} - make_interval(secs => 120 * 86400 * pg_temp.u(i, 6)),
       pg_temp.k(i, 7, 60000)
from generate_series(1, {rows:events}) as i;

-- step: stock
insert into {stock}
select i,
       pg_temp.k(i, 1, 20),
       pg_temp.k(i, 2, {rows:products}),
       pg_temp.k(i, 3, 400),
       {now} - make_interval(mins => pg_temp.k(i, 4, 500000))
from generate_series(1, {rows:stock}) as i;

-- step: quotes
insert into {quotes}
select i,
       pg_temp.k(i, 1, {rows:suppliers}),
       pg_temp.k(i, 2, {rows:quotes} / 9),
       round((2 + 300 * pg_temp.u(i, 3))::numeric, 2),
       date '2026-01-01' + pg_temp.k(i, 4, 180)
from generate_series(1, {rows:quotes}) as i;

-- step: sessions
insert into {sessions}
select 'S' || i, pg_temp.k(i, 1, {rows:customers}), {now} - make_interval(mins => pg_temp.k(i, 2, 4000)), md5((i + {seed})::text)
from generate_series(1, {rows:sessions}) as i;

-- step: clicks
insert into {clicks} ({clicks.visitor}, {clicks.target}, {clicks.clicked_at})
select pg_temp.k(i, 1, 50000), pg_temp.pick(i, 2, {texts:nouns}, {count:nouns}), {now} - make_interval(secs => ({rows:clicks} - i)::double precision)
from generate_series(1, {rows:clicks}) as i;

-- step: daily_sales
insert into {daily_sales}
select date '2026-06-29' - ((i - 1) / {rows:stores})::integer, 1 + ((i - 1) % {rows:stores})::integer, round((4000 * pg_temp.u(i, 1))::numeric, 2), pg_temp.k(i, 2, 90)
from generate_series(1::bigint, {rows:daily_sales}) as i;
