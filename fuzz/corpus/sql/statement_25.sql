SELECT CASE buyer WHEN -1 THEN 'a' END -- note
FROM orders
