-- Time series of an Internet of things: partitions by month, readings that follow the hour, sensors that fall silent.
-- section: tables
create table sites (id int primary key, name text not null, region text not null, altitude int not null);
insert into sites select i, 'site ' || md5(i::text), 'R' || floor(12 * power(random(), 2))::int, floor(2000 * power(random(), 3))::int from generate_series(1, 150) i;
create table sensors (id int primary key, site_id int not null, kind text not null, unit text not null, installed date not null);
insert into sensors
select i, 1 + floor(150 * power(random(), 2))::int, k, (array['C', '%', 'hPa', 'V'])[1 + (length(k) % 4)], date '2020-01-01' + floor(1200 * random())::int
from (select i, (array['temperature', 'humidity', 'pressure', 'voltage', 'flow'])[1 + floor(5 * power(random(), 2))::int] k from generate_series(1, {rows 1500}) i) drawn;
create table readings (sensor_id int not null, at timestamp not null, value double precision not null, quality smallint not null) partition by range (at);
create table readings_1 partition of readings for values from ('2024-01-01') to ('2024-02-01');
create table readings_2 partition of readings for values from ('2024-02-01') to ('2024-03-01');
create table readings_3 partition of readings for values from ('2024-03-01') to ('2024-04-01');
create table readings_4 partition of readings for values from ('2024-04-01') to ('2024-05-01');
insert into readings
select s, timestamp '2024-01-01' + i * interval '120 days' / {rows 600000}, 20 + 8 * sin(i * 6.2832 * 120 / {rows 600000}) + s % 10 + random(), case when random() < 0.02 then 1 when s % 50 = 0 then 2 else 0 end
from (select i, 1 + floor({rows 1500} * power(random(), 1.5))::int s from generate_series(0, {rows 600000} - 1) i) drawn;
create table alarms (id int primary key, sensor_id int not null, raised timestamp not null, cleared timestamp, severity int not null, message text not null);
insert into alarms
select i, 1 + floor({rows 1500} * power(random(), 4))::int, r, case when random() < 0.9 then r + random() * interval '2 days' end, 1 + floor(4 * power(random(), 3))::int, 'value ' || (array['too high', 'too low', 'stuck', 'missing'])[1 + floor(4 * random())::int]
from (select i, timestamp '2024-01-01' + random() * interval '120 days' r from generate_series(1, {rows 20000}) i) drawn;
create table maintenance (id int primary key, site_id int not null, day date not null, minutes int not null, notes text not null);
insert into maintenance select i, 1 + floor(150 * random())::int, date '2024-01-01' + floor(120 * random())::int, floor(400 * power(random(), 2))::int, repeat('checked ' || md5(i::text), 5) from generate_series(1, {rows 5000}) i;
-- section: indexes
create index on readings (sensor_id, at);
create index on readings using brin (at);
create index on alarms (sensor_id, raised);
create index on alarms (raised) where cleared is null;
create index on sensors (site_id);
create index on sensors (kind);
create index on maintenance (site_id, day);
-- section: joins
-- join: sensors.site_id = sites.id
-- join: readings.sensor_id = sensors.id
-- join: alarms.sensor_id = sensors.id
-- join: maintenance.site_id = sites.id
-- section: templates
-- template: last_value
select * from readings where sensor_id = {sensors.id} order by at desc limit 1;
-- template: one_sensor_by_hour
select date_trunc('hour', at), avg(value), min(value), max(value) from readings where sensor_id = {sensors.id} and at between {range readings.at 0.01 0.5} group by 1 order by 1;
-- template: one_month
select sensor_id, avg(value) from readings where at >= date '2024-0{number 1 3}-01' and at < date '2024-04-{number 10 28}' group by 1;
-- template: window_of_all
select s.kind, date_trunc('day', r.at), avg(r.value), count(*) from readings r join sensors s on s.id = r.sensor_id where r.at between {range readings.at 0.005 0.3} group by 1, 2 order by 1, 2;
-- template: open_alarms
select * from alarms where cleared is null and raised > {above alarms.raised 0.02 0.8} order by severity desc, raised limit 100;
-- template: moving_average
select at, avg(value) over (order by at rows between {pick 5|20|100} preceding and current row) from readings where sensor_id in ({list sensors.id 4}) order by at;
-- template: readings_near_alarms
select a.id, count(r.value), max(r.value) from alarms a join readings r on r.sensor_id = a.sensor_id and r.at between a.raised - interval '3 hours' and a.raised
where a.severity >= {number 2 4} and a.raised between {range alarms.raised 0.005 0.1} group by a.id;
-- template: silent_sensors
select s.id, s.kind from sensors s left join lateral (select max(at) as last from readings r where r.sensor_id = s.id) l on true where s.site_id = {sensors.site_id} and (l.last is null or l.last < {above readings.at 0.01 0.5});
-- template: bad_quality
select sensor_id, count(*) from readings where quality <> 0 and at between {range readings.at 0.02 0.5} group by 1 having count(*) > {log 2 100} order by 2 desc;
-- template: latest_of_each_sensor
select distinct on (sensor_id) sensor_id, at, value from readings where at >= {above readings.at 0.01 0.3} order by sensor_id, at desc;
